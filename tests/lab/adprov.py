#!/usr/bin/python3
"""adprov.py CONF REALM DOMAIN HOST IP ADMINPW : provision a domain without sysvol ACLs (no xattrs, no vfs modules, no capabilities)."""
import logging
import sys

from samba import dsdb
from samba.auth import system_session
from samba.dcerpc import security
from samba.param import LoadParm
from samba.provision import provision

conf, realm, dom, host, ip, pw = sys.argv[1:7]
lp = LoadParm()
lp.load(conf)
log = logging.getLogger('provision')
log.setLevel(logging.WARNING)
provision(log, system_session(), smbconf=conf, realm=realm, domain=dom, hostname=host, hostip=ip, adminpass=pw, lp=lp,
          domainsid=security.dom_sid('S-1-5-21-1111111111-2222222222-3333333333'),   # fixed: tests may name SIDs
          serverrole='active directory domain controller', dns_backend='SAMBA_INTERNAL', dns_forwarder=None,
          dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2, base_schema='2012_R2', skip_sysvolacl=True, use_ntvfs=False,
          batch_mode=True)
