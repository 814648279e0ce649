#!/usr/bin/python3
"""adnet.py move CONF SAMLDB OLDNET NEWNET : rewrite the A records of the AD zones to another loopback network (offline)
adnet.py sync ADMINPW IP...             : wait until a marker written on each DC is visible on every other one"""
import sys
import time

import ldb
from samba.auth import system_session
from samba.credentials import DONT_USE_KERBEROS, Credentials
from samba.param import LoadParm
from samba.samdb import SamDB

MARKER = 'CN=lab-marker,CN=System,DC=corp,DC=test'


def move(conf, path, old, new):
    b = lambda net: bytes(int(x) for x in net.split('.'))
    lp = LoadParm()
    lp.load(conf)
    db = SamDB(url=path, lp=lp, session_info=system_session(lp), options=['batch_mode:1'])
    db.transaction_start()
    for part in ('DC=DomainDnsZones,', 'DC=ForestDnsZones,'):
        for m in db.search(base=part + str(db.domain_dn()), expression='(objectClass=dnsNode)', attrs=['dnsRecord']):
            vals = [bytes(v) for v in m.get('dnsRecord', [])]
            # type A (1), four bytes of address after a header of 24 bytes
            moved = [v[:24] + b(new) + v[27:] if v[2:4] == b'\1\0' and len(v) == 28 and v[24:27] == b(old) else v for v in vals]
            if moved != vals:
                x = ldb.Message(m.dn)
                x['dnsRecord'] = ldb.MessageElement(moved, ldb.FLAG_MOD_REPLACE, 'dnsRecord')
                db.modify(x)
    db.transaction_commit()


def sync(pw, ips):
    # one attribute per DC: two DCs writing the same attribute is a conflict, and the lower version loses for good
    attribute = {'1': 'description', '2': 'displayName', '3': 'adminDisplayName'}
    t0 = time.time()
    lp = LoadParm()
    lp.set('realm', 'CORP.TEST')
    lp.set('workgroup', 'CORP')
    cr = Credentials()
    cr.guess(lp)
    cr.set_username('Administrator')
    cr.set_domain('CORP')
    cr.set_password(pw)
    cr.set_kerberos_state(DONT_USE_KERBEROS)
    dbs = {ip: SamDB(url='ldap://' + ip, lp=lp, credentials=cr) for ip in ips}
    want = {}
    for ip, db in dbs.items():
        a, v = attribute[ip[-1]], 'marker %s %f' % (ip, time.time())
        m = ldb.Message(ldb.Dn(db, MARKER))
        m[a] = ldb.MessageElement(v, ldb.FLAG_MOD_REPLACE, a)
        db.modify(m)
        want[a] = v
    for a, v in want.items():
        for ip, db in dbs.items():
            while not len(db.search(MARKER, ldb.SCOPE_BASE, '(%s=%s)' % (a, v), ['cn'])):
                if time.time() - t0 > 60:
                    sys.exit('no replication to %s within 60 s (%s=%s)' % (ip, a, v))
                time.sleep(0.05)
    print('converged in %.2f s' % (time.time() - t0))


if len(sys.argv) == 6 and sys.argv[1] == 'move':
    move(*sys.argv[2:])
elif len(sys.argv) > 3 and sys.argv[1] == 'sync':
    sync(sys.argv[2], sys.argv[3:])
else:
    sys.exit(__doc__)
