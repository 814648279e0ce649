#!/usr/bin/python3
"""crm_ldap3.py - a typical CRM connector through python3-ldap3. Environment: README.md."""
import itertools
import os
import ssl
import sys
from urllib.parse import urlparse

import ldap3
from ldap3.core.exceptions import LDAPException

passed = failed = 0


def env(name, default=None):
    v = os.environ.get(name) or default
    if v is None:
        sys.exit('crm_ldap3.py: set %s (see README.md)' % name)
    return v


def ok(held, what, why=''):
    global passed, failed
    if held:
        passed += 1
        print('ok', what)
    else:
        failed += 1
        print('not ok %s: %s' % (what, why))
    return bool(held)


def finish():
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed else 0)


URL = urlparse(env('LDAP_URL'))
STARTTLS = env('LDAP_STARTTLS', '0') == '1'
BASE, SVC, SVCPW = env('BASE', 'DC=corp,DC=test'), env('SVC_NAME'), env('SVC_PASSWORD')
USER, USERPW = env('USER'), env('USER_PASSWORD')
BAD = env('BAD_USER', 'bob')
BADPW = env('BAD_USER_PASSWORD', USERPW)
NETBIOS = env('NETBIOS', 'CORP')
SAMBA = env('TARGET', 'gate') == 'samba'
OPENLDAP = env('KIND', 'active-directory') == 'openldap'
PERSON = '(&(objectClass=inetOrgPerson)%s)' if OPENLDAP else '(&(objectCategory=person)(objectClass=user)%s)'
LOGIN = 'uid' if OPENLDAP else 'sAMAccountName'
IDENTITY, CLASS = ('entryUUID', 'inetOrgPerson') if OPENLDAP else ('objectGUID', 'user')
PAGED = '1.2.840.113556.1.4.319'
def one(value):    # without a schema the library cannot know that an attribute is single-valued
    return value if isinstance(value, str) else value[0]


WHOAMI = '1.3.6.1.4.1.4203.1.11.3'
START = '1.3.6.1.4.1.1466.20037'


def server(info=ldap3.NONE, ca=None):
    ca = ca or os.environ.get('LDAP_CA')
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED if ca else ssl.CERT_NONE, ca_certs_file=ca or None)
    return ldap3.Server(URL.hostname, port=URL.port or (636 if URL.scheme == 'ldaps' else 389), use_ssl=URL.scheme == 'ldaps', tls=tls,
                        get_info=info, connect_timeout=5)


def connect(name, password, srv=None):
    """an open connection, bound or not; c.result tells"""
    c = ldap3.Connection(srv or server(), user=name, password=password, auto_referrals=False, receive_timeout=10)
    c.open()
    if STARTTLS:
        c.start_tls()
    c.bind()
    return c


def text(c):
    return '%s %s %s' % (c.result.get('result'), c.result.get('description'), c.result.get('message'))


def refused(c):
    return c.result['result'] == 49 and c.result['description'] == 'invalidCredentials'


def schema(srv):
    """what get_info=ALL read: the subschema, which the library from now on checks every name against"""
    read = srv.schema
    if not ok(read is not None and CLASS in read.object_classes, 'schema with the class ' + CLASS, read and 'without'):
        return
    for name in (LOGIN, 'mail', 'memberOf', 'objectClass', 'cn', 'member'):
        ok(name in read.attribute_types, 'schema with the attribute ' + name, 'without')
    ok(read.attribute_types['mail'].oid == '0.9.2342.19200300.100.1.3', 'mail has its number', read.attribute_types['mail'].oid)
    ok(len(read.object_classes) > 20 and len(read.attribute_types) > 100, '%d classes, %d attributes'
       % (len(read.object_classes), len(read.attribute_types)), 'too few')
    wrong = [n for n, a in read.attribute_types.items() if not a.oid]
    ok(not wrong, 'every attribute has a number', wrong[:5])


def paging(c):
    """the paging helper, as a generator and as a list, in pages of any size; it hands out each page from its end"""
    find = c.extend.standard.paged_search
    people = PERSON % ''
    names = [LOGIN, 'objectClass']
    whole = [e['dn'] for e in find(BASE, people, attributes=names, paged_size=1000, generator=False) if e['type'] == 'searchResEntry']
    whole.sort()
    ok(len(whole) > 10 and len(set(whole)) == len(whole), '%d people, each once' % len(whole), 'repeated ones')
    for size in (1, 7, 100, 2 ** 31 - 1):
        for critical in (True, False):
            got = [e['dn'] for e in find(BASE, people, attributes=names, paged_size=size, paged_criticality=critical, generator=True)
                   if e['type'] == 'searchResEntry']
            ok(sorted(got) == whole, 'the generator in pages of %d, critical %s' % (size, critical), len(got))
            if size == 1:
                break
    one, other = find(BASE, people, attributes=names, paged_size=5), find(BASE, people, attributes=[LOGIN], paged_size=3)
    got = ([], [])
    for a, b in itertools.zip_longest(one, other):
        for e, into in ((a, got[0]), (b, got[1])):
            if e:
                into.append(e['dn'])
    ok([sorted(side) for side in got] == [whole, whole], 'two generators in turn', '%d, %d' % (len(got[0]), len(got[1])))
    left = find(BASE, people, attributes=names, paged_size=2)
    ok(next(left)['dn'] in whole, 'a generator that is left', 'an unknown entry')
    every = [e for e in find(BASE, people, attributes=[ldap3.ALL_ATTRIBUTES, ldap3.ALL_OPERATIONAL_ATTRIBUTES], paged_size=20)
             if e['type'] == 'searchResEntry']
    ok(sorted(e['dn'] for e in every) == whole, 'with all attributes', len(every))
    ok(all(e['raw_attributes'].get(IDENTITY) for e in every), 'everybody has ' + IDENTITY, 'somebody has none')
    if c.server.schema:
        unknown = {n.split(';')[0] for e in every for n in e['raw_attributes']} - set(a for a in c.server.schema.attribute_types)
        unknown = {n for n in unknown if n not in c.server.schema.attribute_types}
        ok(not unknown, 'every attribute that comes is in the schema', sorted(unknown))
        classes = {v.decode() for e in every for v in e['raw_attributes'].get('objectClass', [])}
        ok(all(k in c.server.schema.object_classes for k in classes), 'every class that comes is in the schema', sorted(classes))


def objects(c):
    """the library's own reader, which takes everything it does from the schema"""
    if not c.server.schema:
        return
    definition = ldap3.ObjectDef([CLASS], c)
    definition += [LOGIN, 'mail']
    reader = ldap3.Reader(c, definition, BASE, query='(%s=%s)' % (LOGIN, ldap3.utils.conv.escape_filter_chars(USER)))
    found = reader.search(attributes=[LOGIN, 'mail'])
    ok(len(found) == 1 and found[0][LOGIN].value == USER, 'the reader finds the user', len(found))
    paged = list(ldap3.Reader(c, definition, BASE).search_paged(10, attributes=[LOGIN]))
    ok(len(paged) > 10, 'the reader in pages: %d' % len(paged), 'too few')


def run_openldap():
    srv = server(ldap3.ALL)
    c = connect(SVC, SVCPW, srv)
    if not ok(c.bound, 'service bind', text(c)):
        finish()
    ok(len(srv.info.naming_contexts or []) >= 2, 'naming contexts', srv.info.naming_contexts)
    ok(PAGED in [x[0] for x in srv.info.supported_controls], 'paged results offered', srv.info.supported_controls)
    schema(srv)
    paging(c)
    objects(c)
    c.search(BASE, PERSON % ('(uid=%s)' % USER), attributes=ldap3.ALL_ATTRIBUTES)
    dn = c.response[0]['dn']
    ok(c.compare(dn, 'uid', USER), 'compare: true', text(c))
    u = connect(dn, USERPW)
    ok(u.bound, 'user bind', text(u))
    ok(u.extend.standard.who_am_i() == 'dn:' + dn, 'Who Am I', text(u))
    u.unbind()
    u = connect(dn, USERPW + 'x')
    ok(refused(u), 'wrong password: 49 invalidCredentials', text(u))
    u.unbind()
    c.unbind()


def run():
    # the application's own connection
    srv = server(ldap3.ALL if env('SCHEMA', '0') == '1' else ldap3.DSA)
    c = connect(SVC, SVCPW, srv)
    if not ok(c.bound, 'service bind', text(c)):
        finish()
    info = srv.info
    if ok(info is not None, 'root DSE', 'unreadable'):
        ok(len(info.naming_contexts or []) >= 2, '%d naming contexts' % len(info.naming_contexts or []), 'fewer than 2')
        ok('3' in [str(v) for v in info.supported_ldap_versions or []], 'LDAPv3 offered', info.supported_ldap_versions)
        ok(PAGED in [x[0] for x in info.supported_controls], 'paged results offered', info.supported_controls)
        if not SAMBA:
            ext = [x[0] for x in info.supported_extensions]
            ok(WHOAMI in ext, 'Who Am I offered', ext)
            if STARTTLS:
                ok(START in ext, 'StartTLS offered', ext)
    if env('SCHEMA', '0') == '1':
        schema(srv)

    if not SAMBA:
        paging(c)
        objects(c)

    # all users, paged, critical, control in every answer
    dns, cookie, pages, why = [], None, 0, ''
    while True:
        c.search(BASE, PERSON % '', attributes=['sAMAccountName', 'mail', 'displayName', 'objectGUID'], paged_size=50, paged_criticality=True,
                 paged_cookie=cookie)
        pages += 1
        entries = [e for e in c.response if e['type'] == 'searchResEntry']
        dns += [e['dn'] for e in entries]
        if c.result['result'] != 0:
            why = text(c)
            break
        if PAGED not in c.result.get('controls', {}):
            why = 'no paged results control in answer %d' % pages
            break
        if len(entries) > 50:
            why = '%d entries in a page of 50' % len(entries)
            break
        if not SAMBA and any(e['type'] == 'searchResRef' for e in c.response):
            why = 'unexpected search references'
            break
        cookie = c.result['controls'][PAGED]['value']['cookie']
        if not cookie:
            break
    want = int(env('EXPECT_USERS', '-1'))
    ok(not why, 'paged search, critical', why)
    ok(len(dns) == want if want >= 0 else dns, '%d users in %d pages' % (len(dns), pages), 'expected %d' % want)
    ok(len(set(dns)) == len(dns), 'every DN once', 'repeated ones')
    got = [e for e in c.extend.standard.paged_search(BASE, PERSON % '', attributes=['sAMAccountName'], paged_size=500, paged_criticality=True,
                                                     generator=False) if e['type'] == 'searchResEntry']
    ok(sorted(e['dn'] for e in got) == sorted(dns), 'the same users through the paging helper', len(got))

    # login: search by the service, bind by the user on a second connection
    esc = ldap3.utils.conv.escape_filter_chars(USER)
    c.search(BASE, PERSON % ('(sAMAccountName=%s)' % esc), attributes=ldap3.ALL_ATTRIBUTES)
    found = [e for e in c.response if e['type'] == 'searchResEntry']
    if not ok(len(found) == 1, 'login search finds one entry', len(found)):
        finish()
    dn = found[0]['dn']
    ok(len(found[0]['raw_attributes'].get('objectGUID', [b''])[0]) == 16, 'objectGUID has 16 bytes', found[0]['raw_attributes'].get('objectGUID'))
    forms = [dn, '%s\\%s' % (NETBIOS, USER)]
    upn = found[0]['attributes'].get('userPrincipalName')
    if upn:
        forms.append(upn if isinstance(upn, str) else upn[0])
    for name in forms:
        u = connect(name, USERPW)
        ok(u.bound and u.result['result'] == 0, 'user bind on a second connection as ' + name, text(u))
        if not SAMBA:
            who = u.extend.standard.who_am_i()
            ok(who == 'u:%s\\%s' % (NETBIOS, one(found[0]['attributes']['sAMAccountName'])), 'Who Am I: %s' % who, 'unexpected: ' + text(u))
        u.unbind()
    u = connect(dn, USERPW + 'x')
    ok(refused(u) and not u.bound, 'wrong password: 49 invalidCredentials', text(u))
    ok('AcceptSecurityContext error, data 52e' in u.result['message'], 'wrong password: data 52e', u.result['message'])
    # the refused connection is still usable: bind again on it
    u.user, u.password = dn, USERPW
    u.bind()
    ok(u.result['result'] == 0, 'right password on the same connection', text(u))
    u.unbind()
    u = connect('%s\\%s' % (NETBIOS, 'nobody-here'), USERPW)
    ok(refused(u), 'unknown user: 49 invalidCredentials', text(u))
    u.unbind()
    u = connect('%s\\%s' % (NETBIOS, BAD), BADPW)
    ok(refused(u), '%s: 49 invalidCredentials' % BAD, text(u))
    u.unbind()

    # compare
    ok(c.compare(dn, 'sAMAccountName', USER), 'compare: true', text(c))
    ok(not c.compare(dn, 'sAMAccountName', USER + 'x') and c.result['result'] == 5, 'compare: false', text(c))
    if not SAMBA:
        who = c.extend.standard.who_am_i()
        ok((who or '').startswith(os.environ.get('SVC_WHO', 'u:%s\\' % NETBIOS)), 'Who Am I of the service: %s' % who, text(c))

    # read-only
    c.modify(dn, {'description': [(ldap3.MODIFY_REPLACE, ['changed'])]})
    ok(c.result['result'] == (50 if SAMBA else 53), 'modify is refused: %s' % c.result['description'], text(c))

    # rebind on the one connection
    def rebind(name, password):
        try:
            return c.rebind(user=name, password=password)
        except LDAPException as e:
            return str(e) and False
    ok(rebind(dn, USERPW), 'rebind as the user', text(c))
    if not SAMBA:
        who = c.extend.standard.who_am_i()
        ok(who == 'u:%s\\%s' % (NETBIOS, one(found[0]['attributes']['sAMAccountName'])), 'Who Am I after it: %s' % who, text(c))
    ok(not rebind(dn, USERPW + 'x') and refused(c), 'rebind with a wrong password: 49', text(c))
    if not SAMBA:                      # RFC 4511: anonymous after a failed bind; Samba keeps the old identity
        c.search(BASE, PERSON % ('(sAMAccountName=%s)' % esc), attributes=['cn'])
        ok(c.result['result'] != 0 and not c.entries, 'no search after a refused rebind: %s' % text(c), 'it found %d' % len(c.entries))
    ok(rebind(SVC, SVCPW), 'rebind as the service', text(c))
    c.search(BASE, PERSON % ('(sAMAccountName=%s)' % esc), attributes=['cn'])
    ok(c.result['result'] == 0 and len([e for e in c.response if e['type'] == 'searchResEntry']) == 1, 'search after it', text(c))
    c.unbind()

    other = os.environ.get('LDAP_OTHER_CA')
    if other and (STARTTLS or URL.scheme == 'ldaps'):
        try:
            u = connect(SVC, SVCPW, server(ca=other))
            ok(False, 'an unrelated CA is refused', text(u))
        except LDAPException as e:
            ok('certificate verify failed' in str(e), 'an unrelated CA is refused', e)


try:
    run_openldap() if OPENLDAP else run()
except LDAPException as e:
    ok(False, 'no exception', '%s: %s' % (type(e).__name__, e))
finish()
