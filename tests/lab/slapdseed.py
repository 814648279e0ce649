#!/usr/bin/python3
"""slapdseed.py PASSWORD [BULK] : LDIF of the OpenLDAP test directory dc=example,dc=org (for ldapadd -e relax)"""
import base64
import sys

PW = sys.argv[1]
bulk = int(sys.argv[2]) if len(sys.argv) > 2 else 0
BASE = 'dc=example,dc=org'
out = []


def entry(dn, **kw):
    out.append(line('dn', dn))
    for k, v in kw.items():
        for x in v if isinstance(v, (list, tuple)) else [v]:
            out.append(line(k, x))
    out.append('')
    return dn


def line(k, v):
    b = v if isinstance(v, bytes) else v.encode()
    if all(32 <= c < 127 for c in b) and b[:1] not in (b' ', b':', b'<', b'') and b[-1:] != b' ':
        return '%s: %s' % (k, v)
    return '%s:: %s' % (k, base64.b64encode(b).decode())


def user(uid, ou='people', cn=None, sn=None, mail=True, pw=PW, rdn=None, oc=(), **kw):
    cn = cn or uid.capitalize()
    d = dict(objectClass=['inetOrgPerson', *oc], uid=uid, cn=cn, sn=sn or cn.split()[-1])
    if mail is True:
        d['mail'] = uid.replace('ö', 'oe') + '@example.org'
    elif mail:
        d['mail'] = mail
    if pw:
        d['userPassword'] = pw
    d.update(kw)
    return entry('%s,%s' % (rdn or 'uid=' + uid, ','.join('ou=' + o for o in ou.split(',')) + ',' + BASE), **d)


def group(cn, *members, **kw):
    return entry('cn=%s,ou=groups,%s' % (cn, BASE), objectClass='groupOfNames', cn=cn, member=members, **kw)


def policy(cn, **kw):
    return entry('cn=%s,ou=policies,%s' % (cn, BASE), objectClass=['person', 'pwdPolicy'], cn=cn, sn=cn, pwdAttribute='userPassword', **kw)


entry(BASE, objectClass=['dcObject', 'organization'], dc='example', o='Example')
for ou in ('people', 'sales,people', 'tech,people', 'groups', 'service', 'policies', 'outside'):
    entry(','.join('ou=' + o for o in ou.split(',')) + ',' + BASE, objectClass='organizationalUnit', ou=ou.split(',')[0])
policy('default', pwdLockout='TRUE', pwdMaxFailure='5', pwdLockoutDuration='0', pwdFailureCountInterval='1800', pwdMustChange='TRUE')
quick = policy('quick', pwdLockout='TRUE', pwdMaxFailure='5', pwdLockoutDuration='10', pwdFailureCountInterval='10')
aged = policy('aged', pwdMaxAge='86400')
for s in ('svc-proxy', 'svc-crm', 'svc-noperm'):
    entry('cn=%s,ou=service,%s' % (s, BASE), objectClass=['organizationalRole', 'simpleSecurityObject'], cn=s, userPassword=PW)

# a valid 1x1 JPEG
PHOTO = bytes.fromhex(
    'ffd8ffdb004300030202020202030202020303030304060404040404080606050609080a0a090809090a0c0f0c0a0b0e0b09090d110d0e0f'
    '101011100a0c12131210130f101010ffc9000b080001000101011100ffcc000600101005ffda0008010100003f00d2cf20ffd9')
anna = user('anna', jpegPhoto=PHOTO, cn='Anna Ångström', givenName='Anna', displayName='Anna Ångström')
ben = user('ben', cn='Ben Boss', givenName='Ben', displayName='Ben Boss', telephoneNumber='+44 20 7946 0123', title='Director')
clara = user('clara', ou='sales,people', cn='Clara Clark', givenName='Clara', manager=ben, departmentNumber='Sales')
locked = user('locked', pwdAccountLockedTime='000001010000Z')                      # by an administrator, for good
expired = user('expired', oc=['shadowAccount'], shadowExpire='10957')              # account expired 2000-01-01: binds all the same
aged_user = user('aged', pwdPolicySubentry=aged, pwdChangedTime='20000101000000Z')    # password expired
reset = user('reset', pwdReset='TRUE')                                             # must change
lockme = user('lockme', pwdPolicySubentry=quick)                                   # 5 failures in 10 s lock for 10 s
jorg = user('jörg', ou='tech,people', cn='Jörg Müller', givenName='Jörg')
zhang = user('zhang', cn='张伟', sn='张')
carl = user('carl', rdn='cn=Comma\\, "Carl" \\+ <x>'.replace('"', '\\"').replace('<', '\\<').replace('>', '\\>'), cn='Comma, "Carl" + <x>', sn='Comma')
uwe = user('uwe', cn='Uwe Übel', pw='pässwörd-Ünï')
nomail = user('nomail', mail=None)
twin1 = user('twin', ou='sales,people', cn='Twin Sales', mail='twin.sales@example.org')   # uid twice
twin2 = user('twin', ou='tech,people', cn='Twin Tech', mail='twin.tech@example.org')
luke = user('luke')                                                                # member of nothing
nina = user('nina')                                                                # only through crm-nested
olga = user('olga')                                                                # crm-users and crm-denied
ivan = user('ivan', ou='outside')                                                  # outside ou=people
user('nopass', pw=None)
for u in ('delme', 'renameme'):
    user(u)
user('moveme', ou='sales,people')
load = [user('p%02d' % i, cn='P N%02d' % i) for i in range(20)]
for i in range(bulk):
    user('b%04d' % i, cn='B N%04d' % i, pw=None)

nested = group('crm-nested', nina)
group('crm-users', anna, ben, clara, locked, expired, aged_user, reset, jorg, zhang, carl, uwe, twin1, olga, ivan, nested, description='May use the CRM')
group('crm-denied', olga)
group('crm-extra', lockme, nomail, *load)
group('staff', anna, ben, jorg)
sys.stdout.write('\n'.join(out) + '\n')
