#!/usr/bin/python3
"""adraw.py SAMLDB DN ATTRIBUTE VALUE : writes a value below all that Samba checks, for what older directories have and Samba refuses"""
import sys

import ldb

path, dn, attribute, value = sys.argv[1:]
base = dn[dn.index('DC='):]
raw = ldb.Ldb('%s.d/%s.ldb' % (path, base.upper()), options=['modules:'])
m = ldb.Message(ldb.Dn(raw, dn))
m[attribute] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, attribute)
raw.modify(m)
