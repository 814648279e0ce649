#!/usr/bin/python3
"""adseed.py CONF SAMLDB [BULK] : offline seed of the test directory CORP.TEST (samba's Python API, one transaction).

Every password is PW below, except where said. BULK users u0000.. have none. selfcheck verifies the result.
"""
import sys
import time

import ldb
from samba import sd_utils
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

conf, path = sys.argv[1], sys.argv[2]
bulk = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
PW = 'Sekret-123!'
PW_UWE = 'pässwörd-Ünï'
LONG_AGO = 946684800                                # 2000-01-01
NEVER = '-9223372036854775808'

lp = LoadParm()
lp.load(conf)
# without a large index cache the cost of each add grows with the directory
db = SamDB(url=path, lp=lp, session_info=system_session(lp), options=['batch_mode:1', 'transaction_index_cache_size:400000'])
base = str(db.domain_dn())
dom = base.replace('DC=', '').replace(',', '.')
dns = {}


def nt(unix):
    return str(int((unix + 11644473600) * 10**7))


def esc(v):                                         # RFC 4514
    return ''.join('\\' + c if c in ',+"\\<>;=#' else c for c in v)


def replace(dn, controls=None, **kw):
    m = ldb.Message(ldb.Dn(db, dn))
    for k, v in kw.items():
        k = k.replace('_', '-')
        m[k] = ldb.MessageElement(v, ldb.FLAG_MOD_REPLACE, k)
    db.modify(m, controls=controls or [])


def oudn(p):
    return ','.join('OU=' + x for x in reversed(p.split('/'))) + ',' + base


def user(sam, ou='People', cn=None, upn=None, uac=512, pw=PW, mail=True, **kw):
    dn = 'CN=%s,%s' % (esc(cn or sam), oudn(ou))
    m = {'dn': dn, 'objectClass': 'user', 'sAMAccountName': sam, 'userAccountControl': str(uac),
         'userPrincipalName': upn or '%s@%s' % (sam, dom)}
    if mail is True:
        m['mail'] = '%s@%s' % (sam.replace('ü', 'ue'), dom)
    elif mail:
        m['mail'] = mail
    if pw:
        m['clearTextPassword'] = pw.encode('utf-16-le')
    m.update(kw)
    db.add(m)
    dns[sam] = dn


def group(name, members=(), gtype=-2147483646, ou='Groups', **kw):
    dn = 'CN=%s,%s' % (name, oudn(ou))
    m = {'dn': dn, 'objectClass': 'group', 'sAMAccountName': name, 'groupType': str(gtype)}
    if members:
        m['member'] = [dns[x] for x in members]
    m.update(kw)
    db.add(m)
    dns[name] = dn


def sid_of(name):
    return ndr_unpack(security.dom_sid, db.search(base=dns[name], scope=ldb.SCOPE_BASE, attrs=['objectSid'])[0]['objectSid'][0])


t0 = time.time()
db.transaction_start()

# Domain policy: 5 failures lock until an administrator unlocks; counted within 30 minutes.
replace(base, lockoutThreshold='5', lockoutDuration=NEVER, lockOutObservationWindow=str(-30 * 60 * 10**7),
        maxPwdAge=str(-3650 * 86400 * 10**7), minPwdLength='4', pwdHistoryLength='0', minPwdAge='0', pwdProperties='0')
db.add({'dn': 'CN=lab-marker,CN=System,' + base, 'objectClass': 'container'})   # adnet.py sync writes here

for o in ('People', 'People/Sales', 'People/Engineering', 'Groups', 'Service', 'Outside', 'Left'):
    db.add({'dn': oudn(o), 'objectClass': 'organizationalUnit'})

# A valid 1x1 JPEG (125 bytes: zero, 0x0a and 0xff bytes must arrive intact).
PHOTO = bytes.fromhex(
    'ffd8ffdb004300030202020202030202020303030304060404040404080606050609080a0a090809090a0c0f0c0a0b0e0b09090d110d0e0f'
    '101011100a0c12131210130f101010ffc9000b080001000101011100ffcc000600101005ffda0008010100003f00d2cf20ffd9')

# Account states, in the order of the refusal each gives with the right password.
user('alice', cn='Alice Ångström', givenName='Alice', sn='Ångström', displayName='Alice Ångström', thumbnailPhoto=PHOTO)
user('bob', uac=514)                                             # disabled                -> data 533
user('carol', accountExpires=nt(LONG_AGO))                       # account expired         -> data 701
user('dave')                                                     # password expired, below -> data 532
user('erin', pwdLastSet='0')                                     # must change             -> data 773
user('frank')                                                    # locked, below           -> data 775
user('grace', logonHours=b'\0' * 21)                             # logon hours             -> data 530
user('heidi', userWorkstations='OTHERPC')                        # workstation             -> data 531
user('ivan', 'Outside')                                          # good, but outside OU=People
user('judy', 'People/Sales', upn='judy.sales@alt.example')       # other UPN suffix
user('müller', 'People/Engineering', cn='Jürgen Müller, Dr. "JM" +<x>', displayName='Jürgen Müller', givenName='Jürgen', sn='Müller')
user('zhang', cn='张伟', displayName='张伟')
user('emoji', cn='Smile 😀', displayName='Smile 😀')
user('uwe', cn='Uwe Übel', displayName='Uwe Übel', pw=PW_UWE)    # password outside ASCII
user('neverexp', uac=66048)
user('nopass', uac=544, pw=None)                                 # PASSWD_NOTREQD, no password
user('nomail', mail=None)
user('luke')                                                     # member of nothing
user('nina')                                                     # only through crm-nested
user('olga')                                                     # crm-users and crm-denied
user('pia')                                                      # only through her primary group
user('liam', upn='liam.other@' + dom)                            # liam@corp.test is only the implicit name
user('kate', upn='kate.first@' + dom)                            # implicit name kate@corp.test ...
user('kate2', upn='kate2.tmp@' + dom)                            # ... is the explicit one of somebody else: see the end
user('quinn', 'People/Sales', cn='Quinn Quick', givenName='Quinn', sn='Quick', displayName='Quinn Quick', manager=dns['alice'],
     department='Sales', title='Key Account Manager', company='Corp Test Ltd', telephoneNumber='+44 20 7946 0123')
user('lockme')                                                   # policy pso-quick below
user('delme')
user('moveme', 'People/Sales')
user('renameme')
for s in ('svc-proxy', 'svc-crm', 'svc-noperm'):
    user(s, 'Service', uac=66048, mail=None)
db.add({'dn': 'CN=Kontakt Extern,' + oudn('People'), 'objectClass': 'contact', 'displayName': 'Kontakt Extern', 'mail': 'extern@partner.example'})
db.add({'dn': 'CN=WS1,' + oudn('People'), 'objectClass': 'computer', 'sAMAccountName': 'WS1$', 'userAccountControl': '4096',
        'dNSHostName': 'ws1.' + dom})
for i in range(20):                                              # for load: good password
    user('p%02d' % i, ('People', 'People/Sales', 'People/Engineering')[i % 3], givenName='P', sn='N%02d' % i)
for i in range(bulk):                                            # no password, every tenth disabled
    user('u%04d' % i, ('People', 'People/Sales', 'People/Engineering')[i % 3], pw=None, uac=514 if i % 10 == 9 else 544,
         givenName='U', sn='N%04d' % i, employeeID=str(i))

group('staff', ['alice', 'bob', 'judy', 'ivan', 'müller', 'zhang'])
group('vpn-users', ['alice'])
group('nested-a', ['vpn-users'])
group('nested-b', ['nested-a', 'zhang'])
group('loop-x')
group('loop-y', ['loop-x'])
db.modify_ldif('dn: %s\nchangetype: modify\nadd: member\nmember: %s\n' % (dns['loop-x'], dns['loop-y']))
group('empty')
group('universal', ['emoji'], -2147483640)
group('domainlocal', ['staff'], -2147483644)
group('distlist', ['carol'], 2)
group('big', ['u%04d' % i for i in range(bulk)])
group('crm-nested', ['nina'])
group('crm-primary', ['pia'])
group('crm-users', ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi', 'zhang', 'müller', 'judy', 'ivan', 'olga',
                    'crm-nested', 'crm-primary'], description='May use the CRM')
group('crm-denied', ['olga'])
group('crm-extra', ['p%02d' % i for i in range(20)] + ['lockme', 'moveme', 'delme', 'renameme', 'uwe', 'kate', 'kate2', 'liam', 'quinn', 'nomail'])
# pia: primary group crm-primary; the directory removes her from its member and puts her into Domain Users
replace(dns['pia'], primaryGroupID=str(sid_of('crm-primary')).rsplit('-', 1)[1])

# dave: password of the year 2000 (samba's bypass control, possible on the local database only)
replace(dns['dave'], ['local_oid:1.3.6.1.4.1.7165.4.3.20:0'], pwdLastSet=nt(LONG_AGO))
# frank: locked for good
replace(dns['frank'], lockoutTime=nt(time.time()))
# lockme: 5 failures within 10 s lock for 10 s
group('pso-quick', ['lockme'])
db.add({'dn': 'CN=pso-quick,CN=Password Settings Container,CN=System,' + base, 'objectClass': 'msDS-PasswordSettings',
        'msDS-PasswordSettingsPrecedence': '10', 'msDS-PasswordReversibleEncryptionEnabled': 'FALSE', 'msDS-PasswordHistoryLength': '2',
        'msDS-PasswordComplexityEnabled': 'FALSE', 'msDS-MinimumPasswordLength': '4', 'msDS-MinimumPasswordAge': '0',
        'msDS-MaximumPasswordAge': NEVER, 'msDS-LockoutThreshold': '5', 'msDS-LockoutObservationWindow': str(-10 * 10**7),
        'msDS-LockoutDuration': str(-10 * 10**7), 'msDS-PSOAppliesTo': dns['pso-quick']})

# svc-proxy: DirSync with flags 0 (DS-Replication-Get-Changes on the domain) ...
sid = sid_of('svc-proxy')
sd_utils.SDUtils(db).dacl_add_ace(ldb.Dn(db, base), '(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;%s)' % sid)
# ... and sees tombstones: without this ACE deletions are silently absent
deleted = 'CN=Deleted Objects,' + base
domsid = security.dom_sid(db.get_domain_sid())
old = db.search(base=deleted, scope=ldb.SCOPE_BASE, attrs=['nTSecurityDescriptor'], controls=['show_deleted:1'])[0]['nTSecurityDescriptor'][0]
sddl = ndr_unpack(security.descriptor, old).as_sddl(domsid)
new = sddl.replace('(A;;RPLC;;;BA)', '(A;;RPLC;;;BA)(A;;RPLC;;;%s)' % sid)
if new == sddl:
    sys.exit('unexpected security descriptor of %s: %s' % (deleted, sddl))
replace(deleted, ['show_deleted:1', 'sd_flags:1:4'], nTSecurityDescriptor=ndr_pack(security.descriptor.from_sddl(new, domsid)))

t1 = time.time()
db.transaction_commit()

# kate2 gets the UPN kate@corp.test. Samba refuses that since 2021 because of kate's sAMAccountName (older directories
# have such pairs), so the value is written below its checks. The index is maintained, and the join replicates it.
raw = ldb.Ldb('%s.d/%s.ldb' % (path, base.upper()), options=['modules:'])
m = ldb.Message(ldb.Dn(raw, dns['kate2']))
m['userPrincipalName'] = ldb.MessageElement('kate@' + dom, ldb.FLAG_MOD_REPLACE, 'userPrincipalName')
raw.modify(m)
print('seed: %d users, add %.1f s, commit %.1f s' % (len(db.search(base=base, expression='(objectCategory=person)', attrs=['cn'])), t1 - t0, time.time() - t1))
