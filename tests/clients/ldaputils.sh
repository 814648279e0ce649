#!/bin/bash
# ldaputils.sh - OpenLDAP's command line tools. Environment: README.md.
set -u
export LC_ALL=C.UTF-8
unset LDAPTLS_CACERT LDAPTLS_REQCERT LDAPURI LDAPBASE LDAPBINDDN
: "${LDAP_URL:?see README.md}" "${SVC_NAME:?see README.md}" "${SVC_PASSWORD:?see README.md}" "${USER:?see README.md}" "${USER_PASSWORD:?see README.md}"
BASE=${BASE:-DC=corp,DC=test} NETBIOS=${NETBIOS:-CORP} TARGET=${TARGET:-gate}
BAD_USER=${BAD_USER:-bob} BAD_USER_PASSWORD=${BAD_USER_PASSWORD:-$USER_PASSWORD}
if [ -n "${LDAP_CA:-}" ]; then export LDAPTLS_CACERT=$LDAP_CA LDAPTLS_REQCERT=demand; else export LDAPTLS_REQCERT=never; fi
passed=0 failed=0 out='' rc=0
ok() { # WHAT GOT WANTED
  if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok $1"
  else failed=$((failed + 1)); echo "not ok $1: got $2, expected $3 ($(tr '\n\t' '  ' <<<"$out" | cut -c1-200))"; fi
}
com=(-x -H "$LDAP_URL" -o nettimeout=5)
if [ "${LDAP_STARTTLS:-0}" = 1 ]; then com+=(-ZZ); fi
as() { # TOOL NAME PASSWORD ARGS... -> out, rc
  local tool=$1 name=$2 pw=$3; shift 3
  out=$(timeout 30 "$tool" "${com[@]}" -D "$name" -w "$pw" "$@" 2>&1); rc=$?
}
svc() { local tool=$1; shift; as "$tool" "$SVC_NAME" "$SVC_PASSWORD" "$@"; }
dns() { grep '^dn:' <<<"$out" | sort; }
FILTER='(&(objectCategory=person)(objectClass=user))'

# binds
svc ldapsearch -LLL -s base -b '' 1.1; ok "service bind" $rc 0
[ $rc = 0 ] || { echo "$passed passed, $failed failed"; exit 1; }
svc ldapsearch -LLL -o ldif-wrap=no -b "$BASE" "(&$FILTER(sAMAccountName=$USER))" sAMAccountName userPrincipalName
ok "login search" $rc 0
dn=$(sed -n 's/^dn: //p; ' <<<"$out"); [ -n "$dn" ] || dn=$(sed -n 's/^dn:: //p' <<<"$out" | base64 -d)
upn=$(sed -n 's/^userPrincipalName: //p' <<<"$out")
ok "login search finds one entry" "$(grep -c '^dn:' <<<"$out")" 1
for name in "$dn" "$NETBIOS\\$USER" ${upn:+"$upn"}; do
  if [ "$TARGET" = samba ]; then    # no Who Am I there
    as ldapsearch "$name" "$USER_PASSWORD" -LLL -s base -b '' 1.1; ok "bind as $name" $rc 0
  else
    as ldapwhoami "$name" "$USER_PASSWORD"; ok "ldapwhoami as $name" "$out" "u:$NETBIOS\\$USER"
  fi
done
whoami=ldapwhoami; if [ "$TARGET" = samba ]; then whoami=ldapsearch; fi
as $whoami "$dn" "${USER_PASSWORD}x"; ok "wrong password" $rc 49
ok "wrong password: data 52e" "$(grep -c 'AcceptSecurityContext error, data 52e' <<<"$out")" 1
as $whoami "$NETBIOS\\$BAD_USER" "$BAD_USER_PASSWORD"; ok "$BAD_USER is refused" $rc 49
as $whoami "$NETBIOS\\nobody-here" x; ok "an unknown user is refused" $rc 49
as $whoami "$dn" ''; ok "an empty password is refused" "$([ $rc != 0 ] && echo yes)" yes

# root DSE, anonymous
out=$(timeout 30 ldapsearch "${com[@]}" -LLL -s base -b '' namingContexts supportedControl supportedLDAPVersion 2>&1); rc=$?
ok "anonymous root DSE" $rc 0
ok "at least 2 naming contexts" "$([ "$(grep -ci '^namingContexts:' <<<"$out")" -ge 2 ] && echo yes)" yes
ok "paged results offered" "$([ "$(grep -c '^supportedControl: 1.2.840.113556.1.4.319$' <<<"$out")" -ge 1 ] && echo yes)" yes
ok "LDAPv3 offered" "$(grep -c '^supportedLDAPVersion: 3' <<<"$out")" 1
out=$(timeout 30 ldapsearch "${com[@]}" -LLL -b "$BASE" '(objectClass=user)' cn 2>&1); rc=$?
ok "anonymous search is refused" "$([ $rc != 0 ] && ! grep -q '^dn:' <<<"$out" && echo yes)" yes

# paging: the same entries in whatever portions. A subset, for the small pages' sake.
some="(&$FILTER(sAMAccountName=${SOME:-*a*}))"
svc ldapsearch -LLL -o ldif-wrap=no -b "$BASE" -E pr=1000/noprompt "$some" 1.1; ok "one page" $rc 0; all=$(dns)
ok "one page has entries" "$([ -n "$all" ] && echo yes)" yes
svc ldapsearch -LLL -o ldif-wrap=no -b "$BASE" -E pr=2/noprompt "$some" 1.1; ok "pages of 2" $rc 0
ok "pages of 2: the same entries" "$(dns | md5sum)" "$(md5sum <<<"$all")"
svc ldapsearch -LLL -o ldif-wrap=no -b "$BASE" -E '!pr=3/noprompt' "$some" 1.1; ok "pages of 3, critical" $rc 0
ok "pages of 3: the same entries" "$(dns | md5sum)" "$(md5sum <<<"$all")"
if [ "$TARGET" != samba ]; then    # Samba ignores a size limit
  svc ldapsearch -LLL -b "$BASE" -z 1 "$some" 1.1; ok "size limit of 1: code" $rc 4
  ok "size limit of 1: entries" "$(grep -c '^dn:' <<<"$out")" 1
fi
if [ -n "${EXPECT_USERS:-}" ]; then
  svc ldapsearch -LLL -b "$BASE" -E '!pr=500/noprompt' "$FILTER" 1.1; ok "all users" "$(grep -c '^dn:' <<<"$out")" "$EXPECT_USERS"
fi
svc ldapsearch -LLL -b "OU=nowhere,$BASE" '(objectClass=*)' 1.1; ok "a base which does not exist" $rc 32
svc ldapsearch -LLL -b "$BASE" '(&(objectCategory=person)(sAMAccountName=\2a\29\28cn=\2a))' 1.1
ok "escaped filter characters find nobody" "$rc $(grep -c '^dn:' <<<"$out")" "0 0"

# compare
svc ldapcompare "$dn" "sAMAccountName:$USER"; ok "ldapcompare TRUE" $rc 6
svc ldapcompare "$dn" "sAMAccountName:${USER}x"; ok "ldapcompare FALSE" $rc 5

# writes: ldapgate is read-only (53); a DC lets a plain account do nothing (50)
want=53; if [ "$TARGET" = samba ]; then want=50; fi
t=$(mktemp -d); trap 'rm -rf "$t"' EXIT
printf '%s\n' "dn:: $(printf %s "$dn" | base64 -w0)" "changetype: modify" "replace: description" "description: x" > "$t/mod"
printf '%s\n' "dn: CN=new-entry,$BASE" "changetype: add" "objectClass: contact" > "$t/add"
svc ldapmodify -f "$t/mod"; ok "ldapmodify is refused" $rc $want
svc ldapmodify -f "$t/add"; ok "adding is refused" $rc $want
svc ldapdelete "$dn"; ok "ldapdelete is refused" $rc $want
svc ldapmodrdn -r "$dn" CN=other; ok "ldapmodrdn is refused" $rc $want

# unknown controls
svc ldapsearch -LLL -s base -b "$BASE" -e 1.2.3.4 '(objectClass=*)' 1.1; ok "unknown control, not critical, search" $rc 0
if [ "$TARGET" != samba ]; then    # Samba answers with the wrong kind of message; no Who Am I there
  svc ldapsearch -LLL -s base -b "$BASE" -e '!1.2.3.4' '(objectClass=*)' 1.1; ok "unknown critical control, search" $rc 12
  as ldapwhoami "$dn" "$USER_PASSWORD" -e 1.2.3.4; ok "unknown control, not critical, ldapwhoami" $rc 0
  as ldapwhoami "$dn" "$USER_PASSWORD" -e '!1.2.3.4'
  ok "unknown critical control, ldapwhoami" "$([ $rc != 0 ] && grep -o -m1 '(12)' <<<"$out" | head -n1)" '(12)'    # its exit code is 1
fi

# TLS
case $LDAP_URL in
  ldaps:*) tls=1 ;;
  *) tls=${LDAP_STARTTLS:-0}
     if [ -n "${LDAP_CA:-}" ] && [ "$tls" = 0 ] && [ "${NO_STARTTLS:-0}" != 1 ]; then
       svc ldapsearch -LLL -ZZ -s base -b '' 1.1; ok "StartTLS" $rc 0
       tls=1; com+=(-ZZ)
     fi ;;
esac
if [ "$tls" = 1 ] && [ -n "${LDAP_OTHER_CA:-}" ]; then
  LDAPTLS_CACERT=$LDAP_OTHER_CA svc ldapsearch -LLL -s base -b '' 1.1
  ok "an unrelated CA is refused" "$([ $rc != 0 ] && echo yes)" yes
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
