#!/bin/bash
# ldapsearch.sh - every family of options that ldapsearch has. Environment: README.md.
set -u
export LC_ALL=C.UTF-8
unset LDAPTLS_CACERT LDAPTLS_REQCERT LDAPURI LDAPBASE LDAPBINDDN
: "${LDAP_URL:?see README.md}" "${SVC_NAME:?see README.md}" "${SVC_PASSWORD:?see README.md}" "${USER:?see README.md}" "${USER_PASSWORD:?see README.md}"
BASE=${BASE:-DC=corp,DC=test} NETBIOS=${NETBIOS:-CORP} KIND=${KIND:-active-directory}
if [ -n "${LDAP_CA:-}" ]; then export LDAPTLS_CACERT=$LDAP_CA LDAPTLS_REQCERT=demand; else export LDAPTLS_REQCERT=never; fi
passed=0 failed=0 out='' rc=0
ok() { # WHAT GOT WANTED
  if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok $1"
  else failed=$((failed + 1)); echo "not ok $1: got ${2:0:300}, expected ${3:0:300} ($(tr '\n\t' '  ' <<<"$out" | cut -c1-200))"; fi
}
t=$(mktemp -d); trap 'rm -rf "$t"' EXIT
printf %s "$SVC_PASSWORD" > "$t/password"; chmod 600 "$t/password"
common=(-x -H "$LDAP_URL" -o nettimeout=5)
if [ "${LDAP_STARTTLS:-0}" = 1 ]; then common+=(-ZZ); fi
raw() { out=$(timeout 30 ldapsearch "$@" 2>"$t/errors"); rc=$?; }                    # ARGS... -> out, rc
with() { raw "${common[@]}" -D "$SVC_NAME" -y "$t/password" "$@"; }                   # the same, bound
plain() { with -LLL -o ldif_wrap=no "$@"; }                                           # LDIF that is easy to read
names() { grep '^dn:' <<<"$out"; }
count() { grep -c '^dn:' <<<"$out"; }
of() { sed -n "s/^$1: //p" <<<"$out"; }                                               # ATTRIBUTE -> text values
if [ "$KIND" = openldap ]; then
  login=uid photo=jpegPhoto id=entryUUID FILTER='(objectClass=inetOrgPerson)' groups='(objectClass=groupOfNames)' changed=modifyTimestamp
else
  login=sAMAccountName photo=thumbnailPhoto id=objectGUID FILTER='(&(objectCategory=person)(objectClass=user))'
  groups='(objectClass=group)' changed=whenChanged
fi

# -x -D -w -y -W -H -P -I: who asks, and how
plain -b "$BASE" "($login=$USER)" dn; ok "-D -y" "$rc $(count)" "0 1"
dn=$(of dn); [ -n "$dn" ] || dn=$(sed -n 's/^dn:: //p' <<<"$out" | base64 -d)
raw "${common[@]}" -D "$SVC_NAME" -w "$SVC_PASSWORD" -LLL -b "$BASE" "($login=$USER)" 1.1; ok "-w" "$rc $(count)" "0 1"
raw "${common[@]}" -D "$SVC_NAME" -w "${SVC_PASSWORD}x" -LLL -b "$BASE" "($login=$USER)" 1.1; ok "-w wrong" "$rc $(count)" "49 0"
raw "${common[@]}" -D "$dn" -w '' -LLL -b "$BASE" 1.1; ok "-D with an empty password" "$rc $(count)" "53 0"
raw "${common[@]}" -LLL -s base -b '' namingContexts; ok "no -D: root DSE" "$rc $([ "$(grep -ci '^namingContexts:' <<<"$out")" -ge 2 ] && echo yes)" "0 yes"
raw "${common[@]}" -LLL -b "$BASE" "($login=$USER)" 1.1; ok "no -D: nothing else" "$rc $(count)" "1 0"
forms=("$dn" "$(sed 's/,/ , /g; s/=/ = /g' <<<"$dn")" "$(tr '[:lower:]' '[:upper:]' <<<"$dn")" "$USER")
if [ "$KIND" = active-directory ]; then forms+=("$NETBIOS\\$USER" "$USER@${BASE_DNS:-corp.test}"); fi
for name in "${forms[@]}"; do
  raw "${common[@]}" -D "$name" -w "$USER_PASSWORD" -LLL -s base -b '' 1.1; ok "-D $name" $rc 0
done
# StartTLS is an operation of version 3, so the tool does not try it with 2.
if [ "${LDAP_STARTTLS:-0}" = 0 ]; then plain -P 2 -b "$BASE" "($login=$USER)" 1.1; ok "-P 2" "$rc $(count)" "0 1"; fi
raw -Y DIGEST-MD5 -U "$USER" -w x -H "$LDAP_URL" -o nettimeout=5 -Q -b "$BASE" 1.1; ok "-Y: no SASL" "$([ $rc != 0 ] && count)" 0

# -b: the base in every form
plain -s base -b "$dn" 1.1; ok "-b a leaf, -s base" "$rc $(count)" "0 1"
plain -b "$dn" "($login=$USER)" 1.1; ok "-b a leaf, -s sub" "$rc $(count)" "0 1"
plain -b "$dn" "($login=nobody-here)" 1.1; ok "-b a leaf, no match" "$rc $(count)" "0 0"
plain -s base -b "$(tr '[:upper:]' '[:lower:]' <<<"$BASE" | sed 's/,/ , /g')" 1.1; ok "-b in another spelling" "$rc $(count)" "0 1"
plain -b "OU=nowhere,$BASE" 1.1; ok "-b that does not exist" $rc 32
with -b "OU=nowhere,$BASE" 1.1; ok "-b that does not exist: what does" "$(grep -ic "^matchedDN: $BASE" <<<"$out")" 1
plain -b 'no name' 1.1; ok "-b that is no name" $rc 34
plain -s sub -b '' "($login=$USER)" 1.1; ok "-b '' -s sub: the whole view" "$rc $(count)" "0 1"
if [ "$KIND" = active-directory ]; then
  plain -s base -b "$dn" objectGUID objectSid
  guid=$(sed -n 's/^objectGUID:: //p' <<<"$out" | base64 -d | od -An -v -tx1 | tr -d ' \n')
  sid=$(sed -n 's/^objectSid:: //p' <<<"$out" | base64 -d | od -An -v -tx1 | tr -d ' \n')
  g=$guid; dashed="${g:6:2}${g:4:2}${g:2:2}${g:0:2}-${g:10:2}${g:8:2}-${g:14:2}${g:12:2}-${g:16:4}-${g:20:12}"
  for form in "<GUID=$guid>" "<GUID=$dashed>" "<SID=$sid>" "<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,$BASE>"; do
    plain -s base -b "$form" 1.1; ok "-b ${form%%=*}=...>" "$rc $(count)" "0 1"
  done
  plain -s base -b '<GUID=00000000000000000000000000000000>' 1.1; ok "-b <GUID=...> of nothing" $rc 32
fi

# -s: every scope
plain -s base -b "$BASE" 1.1; ok "-s base" "$rc $(count)" "0 1"
plain -s one -b "$BASE" 1.1; one=$(count); ok "-s one" "$rc $([ "$one" -gt 3 ] && echo yes)" "0 yes"
plain -s sub -b "$BASE" 1.1; sub=$(count); ok "-s sub" "$rc $([ "$sub" -gt "$one" ] && echo yes)" "0 yes"
plain -s children -b "$BASE" 1.1; ok "-s children" "$rc $(count)" "0 $((sub - 1))"

# -a: there are no aliases, so every value means the same
plain -b "$BASE" "$FILTER" 1.1; all=$(names); n=$(count)
ok "everybody" "$rc $([ "$n" -gt 10 ] && echo yes)" "0 yes"
for deref in never always search find; do plain -a $deref -b "$BASE" "$FILTER" 1.1; ok "-a $deref" "$rc $(names | md5sum)" "0 $(md5sum <<<"$all")"; done

# -l -z: limits
for limit in 1 60 2147483647 none max; do plain -l $limit -b "$BASE" "$FILTER" 1.1; ok "-l $limit" "$rc $(count)" "0 $n"; done
for limit in none max 0 "$n" 2147483647; do plain -z $limit -b "$BASE" "$FILTER" 1.1; ok "-z $limit" "$rc $(count)" "0 $n"; done
for limit in 1 5 $((n - 1)); do plain -z "$limit" -b "$BASE" "$FILTER" 1.1; ok "-z $limit" "$rc $(names | md5sum)" "4 $(head -n "$limit" <<<"$all" | md5sum)"; done
plain -z 5 -E pr=2/noprompt -b "$BASE" "$FILTER" 1.1; ok "-z 5 in pages of 2" "$rc $(count)" "4 5"
plain -z 5 -E pr=10/noprompt -b "$BASE" "$FILTER" 1.1; ok "-z 5 in a page of 10" "$rc $(count)" "4 5"

# -A and lists of attributes
plain -A -b "$BASE" "($login=$USER)" cn mail; ok "-A" "$rc $(grep -E -c '^(cn|mail):$' <<<"$out") $(grep -v '^dn' <<<"$out" | grep -c ': .')" "0 2 0"
plain -b "$BASE" "($login=$USER)"; star=$(sed -n 's/^\([^:; ]*\).*/\1/p' <<<"$out" | sort -u)
plain -b "$BASE" "($login=$USER)" '*'; ok "no list means *" "$(sed -n 's/^\([^:; ]*\).*/\1/p' <<<"$out" | sort -u)" "$star"
plain -b "$BASE" "($login=$USER)" '*' + ; ok "* and +: at least as much" "$(comm -23 <(echo "$star") <(sed -n 's/^\([^:; ]*\).*/\1/p' <<<"$out" | sort -u))" ""
plain -b "$BASE" "($login=$USER)" 1.1; ok "1.1: the name alone" "$(grep -c . <<<"$out")" 1
plain -b "$BASE" "($login=$USER)" 1.1 cn; ok "1.1 beside a name is nothing" "$(of cn | wc -l) $(sed -n 's/^cn:: //p' <<<"$out" | wc -l)" "$(sed -n 's/^cn: //p' <<<"$out" | wc -l) $(sed -n 's/^cn:: //p' <<<"$out" | wc -l)"
plain -b "$BASE" "($login=$USER)" MAIL mAiL noSuchThing; ok "names in any case, once" "$(grep -ic '^mail:' <<<"$out") $(grep -ic noSuchThing <<<"$out")" "1 0"
plain -b "$BASE" "($login=$USER)" "$photo;binary"; ok ";binary" "$rc $(grep -c "^$photo;binary::" <<<"$out")" "0 1"
plain -b "$BASE" "($login=$USER)" 'mail;lang-en'; ok "an option that nothing has" "$rc $(grep -c '^mail' <<<"$out")" "0 0"
plain -b "$BASE" "(&$groups(cn=crm-users))" member; members=$(of member | wc -l); b64=$(grep -c '^member:: ' <<<"$out"); members=$((members + b64))
ok "member whole" "$([ $members -gt 5 ] && echo yes)" yes
plain -b "$BASE" "(&$groups(cn=crm-users))" 'member;range=0-2'; ok ";range=0-2" "$(grep -c '^member;range=0-2:' <<<"$out")" 3
plain -b "$BASE" "(&$groups(cn=crm-users))" 'member;range=3-*'; ok ";range=3-*" "$(grep -c '^member;range=3-\*:' <<<"$out")" $((members - 3))
plain -b "$BASE" "(&$groups(cn=crm-users))" 'member;range=0-*'; ok ";range=0-*" "$(grep -c '^member;range=0-\*:' <<<"$out")" $members
plain -b "$BASE" "($login=$USER)" memberOf; ok "memberOf" "$rc $([ "$(grep -c '^memberOf:' <<<"$out")" -ge 1 ] && echo yes)" "0 yes"
if [ "$KIND" = active-directory ]; then
  plain -b "$BASE" "($login=$USER)" tokenGroups canonicalName msDS-PrincipalName msDS-User-Account-Control-Computed primaryGroupToken
  ok "constructed attributes" "$(grep -oE '^[A-Za-z-]+' <<<"$out" | grep -v '^dn' | sort -u | tr '\n' ' ')" "canonicalName msDS-PrincipalName msDS-User-Account-Control-Computed tokenGroups "
fi

# -L -LL -LLL -o ldif_wrap -t -tt -T -u -v -n -S -f -c: what is made of it
with -b "$BASE" "($login=$USER)" cn; ok "without -L" "$rc $(grep -c '^# numEntries: 1$' <<<"$out") $(grep -c '^result: 0 Success' <<<"$out")" "0 1 1"
with -L -b "$BASE" "($login=$USER)" cn; ok "-L" "$rc $(grep -c '^version: 1$' <<<"$out")" "0 1"
with -LL -b "$BASE" "($login=$USER)" cn; ok "-LL" "$rc $(grep -c '^#' <<<"$out")" "0 0"
with -LLL -b "$BASE" "($login=$USER)"; wrapped=$(sed -e ':a;N;$!ba;s/\n //g' <<<"$out"); plain -b "$BASE" "($login=$USER)"; ok "-o ldif_wrap=no" "$out" "$wrapped"
for ways in -t -tt; do
  mkdir -p "$t/$ways"; with -LLL $ways -T "$t/$ways" -b "$BASE" "($login=$USER)" "$photo" mail
  file=$(ls "$t/$ways" | grep "$photo"); ok "$ways: the photo in a file" "$rc $(head -c3 "$t/$ways/$file" | od -An -tx1) $(wc -c < "$t/$ways/$file")" "0  ff d8 ff 107"
done
ok "-t: text stays" "$(ls "$t/-t" | grep -c mail) $(ls "$t/-tt" | grep -c mail)" "0 1"
plain -b "$BASE" "($login=$USER)" "$id" "$photo"; ok "octets as base64" "$(sed -n "s/^$photo:: //p" <<<"$out" | base64 -d | wc -c)" 107
with -LLL -u -b "$BASE" "($login=$USER)" cn; ok "-u" "$rc $(grep -c '^ufn:' <<<"$out")" "0 1"
plain -v -b "$BASE" "($login=$USER)" cn; ok "-v" "$rc $(count)" "0 1"
plain -n -b "$BASE" "($login=$USER)" cn; ok "-n" "$rc $(count)" "0 0"
plain -S cn -b "$BASE" "$FILTER" 1.1; ok "-S: in another order, the same" "$rc $(names | sort | md5sum)" "0 $(sort <<<"$all" | md5sum)"
plain -S '' -b "$BASE" "$FILTER" 1.1; ok "-S '': by name, the same" "$rc $(names | sort | md5sum)" "0 $(sort <<<"$all" | md5sum)"
printf '%s\n' "$USER" nobody-here "$USER" > "$t/logins"
plain -f "$t/logins" -b "$BASE" "($login=%s)" 1.1; ok "-f" "$rc $(count)" "0 2"
printf '%s\n' 'cn=x' '(broken' "$login=$USER" > "$t/filters"
plain -c -f "$t/filters" -b "$BASE" '(%s)' 1.1; ok "-c: past a filter that is broken" "$(count)" 1

# -E: search extensions, critical and not. What is served gives the same entries; what is not is refused if it is critical.
for option in pr=1/noprompt pr=7/noprompt '!pr=1000/noprompt' '!pr=2147483647/noprompt'; do
  plain -E "$option" -b "$BASE" "$FILTER" 1.1; ok "-E $option" "$rc $(names | md5sum)" "0 $(md5sum <<<"$all")"
done
plain -E '!sss=cn' -b "$BASE" "$FILTER" 1.1; sorted=$(names); ok "-E !sss=cn" "$rc $(sort <<<"$sorted" | md5sum)" "0 $(sort <<<"$all" | md5sum)"
plain -E '!sss=-cn' -b "$BASE" "$FILTER" 1.1; ok "-E !sss=-cn" "$rc $(names | tac | md5sum)" "0 $(md5sum <<<"$sorted")"
plain -E "!sss=sn/cn" -b "$BASE" "$FILTER" 1.1; ok "-E !sss=sn/cn" "$rc $(names | sort | md5sum)" "0 $(sort <<<"$all" | md5sum)"
plain -E "!sss=cn:2.5.13.3" -E '!pr=9/noprompt' -b "$BASE" "$FILTER" 1.1; ok "-E !sss by a rule, in pages" "$rc $(names | md5sum)" "0 $(md5sum <<<"$sorted")"
plain -E '!sss=noSuchThing' -b "$BASE" "$FILTER" 1.1; ok "-E !sss by what is not there" "$rc $(count)" "12 0"
plain -E 'sss=noSuchThing' -b "$BASE" "$FILTER" 1.1; ok "-E sss by what is not there" "$rc $(count)" "0 $n"
plain -E '!sss=cn' -E '!vlv=0/2/1/0' -b "$BASE" "$FILTER" 1.1 < /dev/null
ok "-E !vlv: the first window" "$(names | head -n3)" "$(head -n3 <<<"$sorted")"
plain -E '!vlv=0/2/1/0' -b "$BASE" "$FILTER" 1.1 < /dev/null; ok "-E !vlv without an order" "$([ $rc != 0 ] && count)" 0
served=(domainScope '!domainScope' showDeleted '!showDeleted' 1.2.840.113556.1.4.1339 '!1.2.840.113556.1.4.1339')
for option in "${served[@]}"; do plain -E "$option" -b "$BASE" "$FILTER" 1.1; ok "-E $option" "$rc $(names | md5sum)" "0 $(md5sum <<<"$all")"; done
for option in "mv=($login=$USER)" subentries=true subentries=false sync=ro 'deref=member:cn' extendedDn=1 accountUsability serverNotif \
  2.16.840.1.113730.3.4.3=::MAkCAQ8BAf8BAf8= '1.2.840.113556.1.4.801=::MAMCAQc=' 1.2.3.4 1.2.3.4=:x; do
  # ldapsearch itself waits for what no answer brings with these
  case $option in sync=* | serverNotif) ;; *)
    plain -E "$option" -b "$BASE" "$FILTER" 1.1; ok "-E $option" "$rc $(names | md5sum)" "0 $(md5sum <<<"$all")" ;;
  esac
  plain -E "!$option" -b "$BASE" "$FILTER" 1.1 < /dev/null; ok "-E !$option" "$rc $(count)" "12 0"
done
plain -E '!dontUseCopy' -b "$BASE" "$FILTER" 1.1; ok "-E !dontUseCopy" "$rc $(count)" "12 0"
plain -E '!dirSync=0/0' -b "$BASE" "$FILTER" 1.1; ok "-E !dirSync" "$rc $(count)" "12 0"

# -M -MM -e: general extensions
for option in -M -MM '-e manageDSAit' '-e !manageDSAit' '-e ppolicy' '-e !1.3.6.1.4.1.42.2.27.8.5.1'; do
  # shellcheck disable=SC2086  # two words
  plain $option -b "$BASE" "$FILTER" 1.1; ok "$option" "$rc $(names | md5sum)" "0 $(md5sum <<<"$all")"
done
for option in "assert=($login=nobody-here)" chaining=chainingPreferred sessiontracking 1.2.3.4; do
  plain -e "$option" -b "$BASE" "$FILTER" 1.1; without=$rc
  # the bind carries some of them too, and ldapsearch makes some of them critical by itself
  case $without in 0) ok "-e $option" "$(names | md5sum)" "$(md5sum <<<"$all")" ;; *) ok "-e $option" "$without $(count)" "12 0" ;; esac
  plain -e "!$option" -b "$BASE" "$FILTER" 1.1; ok "-e !$option" "$([ $rc != 0 ] && count)" 0
done
for option in '!authzid=u:nobody' '!noop' '!relax' '!preread=cn'; do
  plain -e "$option" -b "$BASE" "$FILTER" 1.1; ok "-e $option" "$([ $rc != 0 ] && count)" 0
done

# Filters by time, as deltas are asked for
plain -b "$BASE" "(&$FILTER($changed>=20000101000000.0Z))" 1.1; ok "changed since 2000" "$rc $(count)" "0 $n"
plain -b "$BASE" "(&$FILTER($changed>=20990101000000Z))" 1.1; ok "changed since 2099" "$rc $(count)" "0 0"

# -Z -ZZ
case $LDAP_URL in
  ldaps:*) tls=1; plain -ZZ -s base -b '' 1.1; ok "-ZZ within TLS" "$([ $rc != 0 ] && count)" 0 ;;
  *) tls=${LDAP_STARTTLS:-0}
     if [ "$tls" = 0 ] && [ -n "${LDAP_CA:-}" ]; then
       for option in -Z -ZZ; do plain $option -b "$BASE" "($login=$USER)" 1.1; ok "$option" "$rc $(count)" "0 1"; done
     fi
     if [ "$tls" = 0 ] && [ -z "${LDAP_CA:-}" ]; then
       plain -Z -b "$BASE" "($login=$USER)" 1.1; ok "-Z where there is no TLS: without" "$rc $(count)" "0 1"
       plain -ZZ -b "$BASE" "($login=$USER)" 1.1; ok "-ZZ where there is no TLS: not at all" "$([ $rc != 0 ] && count)" 0
     fi ;;
esac
if [ -n "${LDAP_OTHER_CA:-}" ] && [ -n "${LDAP_CA:-}" ] && [ "$tls" = 1 ]; then
  LDAPTLS_CACERT=$LDAP_OTHER_CA plain -s base -b '' 1.1; ok "an unrelated CA" "$([ $rc != 0 ] && count)" 0
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
