#!/usr/bin/php
<?php
// bitrix.php - the calls of the Bitrix24 (1C-Bitrix) LDAP module in its order, through php-ldap. Environment: README.md.
error_reporting(E_ALL & ~E_WARNING & ~E_DEPRECATED);   // failing ldap calls warn; every result is checked here

$passed = $failed = 0;
function ok(bool $held, string $what, string $why = ''): bool {
    global $passed, $failed;
    if ($held) { $passed++; echo "ok $what\n"; }
    else { $failed++; echo "not ok $what: $why\n"; }
    return $held;
}
function finish(): never {
    global $passed, $failed;
    echo "$passed passed, $failed failed\n";
    exit($failed ? 1 : 0);
}
function env(string $name, ?string $default = null): string {
    $v = getenv($name);
    if ($v === false || $v === '') {
        if ($default === null) { fwrite(STDERR, "bitrix.php: set $name (see README.md)\n"); exit(2); }
        return $default;
    }
    return $v;
}
function why($c): string {
    ldap_get_option($c, LDAP_OPT_DIAGNOSTIC_MESSAGE, $d);
    return ldap_errno($c) . ' ' . ldap_error($c) . ' ' . $d;
}

$url = env('LDAP_URL'); $base = env('BASE', 'DC=corp,DC=test');
$svc = env('SVC_NAME'); $svcpw = env('SVC_PASSWORD');
$user = env('USER'); $userpw = env('USER_PASSWORD');
$bad = env('BAD_USER', 'bob'); $badpw = env('BAD_USER_PASSWORD', $userpw);
$ca = env('LDAP_CA', ' '); $samba = env('TARGET', 'gate') === 'samba';

const USERS = '(&(objectClass=user)(objectCategory=PERSON))';
const GROUPS = '(&(objectCategory=group))';
const GROUP_ATTRIBUTES = ['name', 'cn', 'gidNumber', 'description', 'memberof', 'primarygrouptoken', 'primarygroupid', 'samaccountname',
    'distinguishedname', 'dn', 'member'];

if ($ca !== ' ') {
    ldap_set_option(null, LDAP_OPT_X_TLS_CACERTFILE, $ca);
    ldap_set_option(null, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND);
} else {
    ldap_set_option(null, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_NEVER);
}

function open(): LDAP\Connection {
    global $url;
    $c = ldap_connect($url);
    ldap_set_option($c, LDAP_OPT_PROTOCOL_VERSION, 3);
    ldap_set_option($c, LDAP_OPT_REFERRALS, 0);
    ldap_set_option($c, LDAP_OPT_TIMELIMIT, 100);
    ldap_set_option($c, LDAP_OPT_TIMEOUT, 5);
    ldap_set_option($c, LDAP_OPT_NETWORK_TIMEOUT, 5);
    if (env('LDAP_STARTTLS', '0') === '1' && !ok(ldap_start_tls($c), 'StartTLS', why($c))) finish();
    return $c;
}

/** Paged search as the module makes it: non-critical paged results control, sub, deref never.
 *  @return array{0: ?string error, 1: list<array{dn: string, attrs: array}>, 2: int pages} */
function paged($c, string $base, string $filter, array $attributes = [], int $size = 1000): array {
    $out = []; $cookie = ''; $pages = 0;
    do {
        $r = ldap_search($c, $base, $filter, $attributes, 0, 0, 100, LDAP_DEREF_NEVER,
            [['oid' => LDAP_CONTROL_PAGEDRESULTS, 'iscritical' => false, 'value' => ['size' => $size, 'cookie' => $cookie]]]);
        if ($r === false) return [why($c), $out, $pages];
        $pages++;
        $code = null; $controls = []; $matched = $text = ''; $refs = [];
        ldap_parse_result($c, $r, $code, $matched, $text, $refs, $controls);
        if ($code !== 0) return ["result $code $text", $out, $pages];
        $n = 0;
        for ($e = ldap_first_entry($c, $r); $e; $e = ldap_next_entry($c, $e)) {
            $n++;
            $out[] = ['dn' => ldap_get_dn($c, $e), 'attrs' => ldap_get_attributes($c, $e)];
        }
        if (ldap_count_references($c, $r) > 0 && getenv('TARGET') !== 'samba') return ['unexpected search references', $out, $pages];
        if (!isset($controls[LDAP_CONTROL_PAGEDRESULTS])) return ['no paged results control in the answer', $out, $pages];
        if ($n > $size) return ["$n entries in a page of $size", $out, $pages];
        $cookie = $controls[LDAP_CONTROL_PAGEDRESULTS]['value']['cookie'] ?? '';
    } while ($cookie !== '');
    return [null, $out, $pages];
}
function values(array $entry, string $name): array {     // whatever its spelling
    foreach ($entry['attrs'] as $k => $v) {
        if (is_string($k) && strcasecmp($k, $name) === 0 && is_array($v)) { unset($v['count']); return $v; }
    }
    return [];
}
function first(array $entry, string $name): string { return values($entry, $name)[0] ?? ''; }
function login(string $l): string { return '(&' . USERS . '(sAMAccountName=' . ldap_escape($l, '', LDAP_ESCAPE_FILTER) . '))'; }

if (env('PROBE', '0') === '1') {      // see 12
    $c = ldap_connect($url);
    ldap_set_option($c, LDAP_OPT_PROTOCOL_VERSION, 3);
    ldap_set_option($c, LDAP_OPT_NETWORK_TIMEOUT, 5);
    $in = (env('LDAP_STARTTLS', '0') !== '1' || @ldap_start_tls($c)) && @ldap_bind($c, $svc, $svcpw);
    echo $in ? 'bound' : (ldap_errno($c) === 49 ? 'refused' : 'no connection');
    exit(0);
}

// 1. Connection; the module binds twice with its own account.
$c = open();
if (!ok(@ldap_bind($c, $svc, $svcpw), 'service bind', why($c))) finish();
ok(@ldap_bind($c, $svc, $svcpw), 'service bind again', why($c));

// 2. Administration form: with a single value the module's code fails on PHP 8.
$r = ldap_read($c, '', '(objectClass=*)', ['namingcontexts']);
$e = $r ? ldap_get_entries($c, $r) : null;
$n = $e[0]['namingcontexts']['count'] ?? 0;
ok($n >= 2, "root DSE offers $n naming contexts", 'fewer than 2: ' . why($c));
$lower = array_map(fn($v) => is_string($v) ? strtolower($v) : '', $e[0]['namingcontexts'] ?? []);
ok(in_array(strtolower($base), $lower, true), 'the base is one of them', implode(' ', $lower));

// 3. Login: search without attribute list, first entry, bind as its DN.
[$err, $found] = paged($c, $base, login($user));
ok($err === null, 'login search', (string)$err);
if (!ok(count($found) === 1, 'login search finds one entry', 'found ' . count($found))) finish();
$me = $found[0];
ok(strcasecmp(first($me, 'sAMAccountName'), $user) === 0, 'it is the user', first($me, 'sAMAccountName'));
foreach (['objectGUID', 'userAccountControl', 'whenChanged', 'primaryGroupID', 'cn', 'distinguishedName'] as $a)
    ok(first($me, $a) !== '', "attribute $a", 'absent');
ok(strlen(first($me, 'objectGUID')) === 16, 'objectGUID has 16 bytes', (string)strlen(first($me, 'objectGUID')));
ok(((int)first($me, 'userAccountControl') & 2) === 0, 'active by userAccountControl', first($me, 'userAccountControl'));
ok(first($me, 'distinguishedName') === $me['dn'], 'distinguishedName equals the DN', first($me, 'distinguishedName') . ' / ' . $me['dn']);
ok(preg_match('/^\d{14}\.0Z$/', first($me, 'whenChanged')) === 1, 'whenChanged is YYYYMMDDHHMMSS.0Z', first($me, 'whenChanged'));
ok(@ldap_bind($c, $me['dn'], $userpw), 'bind as the found DN', why($c));

// 4. Group mapping: service bind on the same connection, then all groups, attribute names in lower case.
ok(@ldap_bind($c, $svc, $svcpw), 'service bind after the user', why($c));
[$err, $groups] = paged($c, $base, GROUPS, GROUP_ATTRIBUTES);
ok($err === null && count($groups) > 0, 'group search', $err ?? 'no groups');
$gdns = array_column($groups, 'dn');
$mo = values($me, 'memberOf');
ok(count($mo) > 0, 'the user has memberOf', 'none');
$missing = array_diff($mo, $gdns);
ok(!$missing, 'every memberOf equals a group DN byte by byte', implode(' | ', $missing));
$unlisted = [];
foreach ($groups as $g) if (in_array($g['dn'], $mo, true) && !in_array($me['dn'], values($g, 'member'), true)) $unlisted[] = $g['dn'];
ok(!$unlisted, "those groups' member holds the user's DN byte by byte", implode(' | ', $unlisted));
$tokens = array_filter(array_map(fn($g) => first($g, 'primaryGroupToken'), $groups), fn($t) => preg_match('/^\d+$/', $t) === 1);
ok(count($tokens) === count($groups), 'every group has primaryGroupToken', count($tokens) . ' of ' . count($groups));
// Large groups are read in ranges by the module; the portions together are the list.
$largest = null;
foreach ($groups as $g) if (!$largest || count(values($g, 'member')) > count(values($largest, 'member'))) $largest = $g;
$want = values($largest, 'member');
foreach ([2, 1500] as $step) {
    $got = []; $rounds = 0; $why = '';
    for ($from = 0; $from !== null && $why === '';) {
        $rounds++;
        $r = ldap_read($c, $largest['dn'], '(objectClass=*)', ['member;range=' . $from . '-' . ($from + $step - 1)]);
        $e = $r ? ldap_first_entry($c, $r) : false;
        $found = null;
        foreach ($e ? ldap_get_attributes($c, $e) : [] as $name => $v)
            if (is_string($name) && preg_match('/^member;range=(\d+)-(\d+|\*)$/i', $name, $m) && (int)$m[1] === $from) $found = [$m[2], $v];
        if (!$found) { $why = "no range from $from: " . why($c); break; }
        unset($found[1]['count']);
        array_push($got, ...$found[1]);
        $from = $found[0] === '*' ? null : (int)$found[0] + 1;
    }
    ok($why === '' && $got === $want, 'members in ranges of ' . $step . ': ' . count($got) . " in $rounds rounds", $why . ' ' . count($want));
}
// One page of 1000 and an unpaged search give the same groups in the same order.
$r = ldap_search($c, $base, GROUPS, ['cn']);
$unpaged = [];
for ($e = $r ? ldap_first_entry($c, $r) : false; $e; $e = ldap_next_entry($c, $e)) $unpaged[] = ldap_get_dn($c, $e);
ok($samba || $unpaged === $gdns, 'groups without paging', count($unpaged) . ' of ' . count($gdns));
if (($p = env('PRIMARY_USER', ' ')) !== ' ') {
    [$err, $f] = paged($c, $base, login($p));
    $id = isset($f[0]) ? first($f[0], 'primaryGroupID') : '';
    ok($id !== '' && in_array($id, $tokens, true), "$p: primaryGroupID is a visible group's primaryGroupToken", "$err '$id'");
}

// 5. A wrong password: 49 with the directory's text; the connection goes on after a service bind.
ok(!@ldap_bind($c, $me['dn'], $userpw . 'x'), 'wrong password is refused', 'accepted');
ok(ldap_errno($c) === 49, 'refusal is 49', why($c));
ok(str_contains(why($c), 'AcceptSecurityContext error, data 52e'), 'refusal says data 52e', why($c));
ok(@ldap_bind($c, $svc, $svcpw), 'service bind after a refusal', why($c));
ok(@ldap_bind($c, $me['dn'], $userpw), 'user bind after a refusal', why($c));
ok(@ldap_bind($c, $svc, $svcpw), 'service bind at last', why($c));

// 6. Photo: the module looks for exactly this spelling.
$p = env('PHOTO_USER', $user);
[$err, $f] = paged($c, $base, login($p));
$photo = $f[0]['attrs']['thumbnailPhoto'][0] ?? '';
ok(str_starts_with($photo, "\xff\xd8\xff") && str_ends_with($photo, "\xff\xd9"), "$p: thumbnailPhoto, spelled so, is an intact JPEG",
    $err ?? (strlen($photo) . ' bytes'));

// 7. Manager: DN strings are compared as they are.
if (($m = env('MANAGED_USER', ' ')) !== ' ') {
    [$err, $f] = paged($c, $base, login($m));
    $dn = isset($f[0]) ? first($f[0], 'manager') : '';
    $rdn = ldap_explode_dn($dn, 1)[0] ?? '';
    $rdn = preg_replace_callback('/\\\\([0-9A-Fa-f]{2})/', fn($x) => chr(hexdec($x[1])), $rdn);
    [$err, $f] = paged($c, $base, '(&' . USERS . '(CN=' . ldap_escape($rdn, '', LDAP_ESCAPE_FILTER) . '))');
    ok(in_array($dn, array_column($f, 'dn'), true), "$m: the manager's DN is found as it stands", "$err '$dn'");
}

// 8. Synchronisation agent: everybody absent from this answer would become inactive.
[$err, $all, $pages] = paged($c, $base, USERS);
ok($err === null, 'full search', (string)$err);
$logins = array_map(fn($x) => strtolower(first($x, 'sAMAccountName')), $all);
$want = env('EXPECT_USERS', '-1');
ok($want === '-1' ? count($all) > 0 : count($all) === (int)$want, 'full search: ' . count($all) . " users in $pages pages", "expected $want");
ok(count(array_unique($logins)) === count($logins) && !in_array('', $logins, true), 'every login once', 'repeated or empty ones');
ok(in_array(strtolower($user), $logins, true), 'the user is among them', 'absent');
[$err, $small, $pages] = paged($c, $base, USERS, ['samaccountname'], 50);
$l2 = array_map(fn($x) => strtolower(first($x, 'sAMAccountName')), $small);
sort($logins); sort($l2);
ok($err === null && $l2 === $logins, "the same users in $pages pages of at most 50", $err ?? count($l2) . ' users');

// 9. Delta by whenChanged.
$since = fn(string $t) => paged($c, $base, '(&' . USERS . "(whenChanged>=$t))", ['samaccountname', 'whenchanged']);
[$err, $f] = $since('20000101000000.0Z');
ok($err === null && count($f) === count($all), 'delta since 2000 is everybody', $err ?? count($f) . ' users');
[$err, $f] = $since('20990101000000.0Z');
ok($err === null && count($f) === 0, 'delta since 2099 is nobody', $err ?? count($f) . ' users');
[$err, $f] = paged($c, $base, login($user));
[$err, $f] = $since(first($f[0], 'whenChanged'));
ok(in_array(strtolower($user), array_map(fn($x) => strtolower(first($x, 'sAMAccountName')), $f), true), "delta since the user's whenChanged has the user", (string)$err);

// 10. A disabled user: hidden, or found and refused; never let in.
[$err, $f] = paged($c, $base, login($bad));
ok($err === null, "$bad: search", (string)$err);
if ($f) {
    ok(((int)first($f[0], 'userAccountControl') & 2) === 2, "$bad: found, inactive by userAccountControl", first($f[0], 'userAccountControl'));
    ok(!@ldap_bind($c, $f[0]['dn'], $badpw) && ldap_errno($c) === 49, "$bad: bind as the found DN is refused with 49", why($c));
} else {
    ok(true, "$bad: not found");
}
$name = env('NETBIOS', 'CORP') . '\\' . $bad;
ok(!@ldap_bind($c, $name, $badpw) && ldap_errno($c) === 49, "$bad: bind as $name is refused with 49", why($c));
ok(@ldap_bind($c, $svc, $svcpw), 'service bind after it', why($c));

// 11. A login with characters special in filters finds nobody and harms nothing.
[$err, $f] = paged($c, $base, login("*)(objectClass=*\\"));
ok($err === null && !$f, 'a login with filter characters finds nobody', $err ?? count($f) . ' entries');
ldap_unbind($c);

// 12. Wrong CA. libldap keeps its TLS context for the life of the process: in a child.
if (($o = env('LDAP_OTHER_CA', ' ')) !== ' ' && (str_starts_with($url, 'ldaps:') || env('LDAP_STARTTLS', '0') === '1')) {
    $child = proc_open([PHP_BINARY, __FILE__], [1 => ['pipe', 'w'], 2 => ['file', '/dev/null', 'w']], $pipes, null,
        ['LDAP_CA' => $o, 'PROBE' => '1'] + getenv());
    $said = stream_get_contents($pipes[1]);
    proc_close($child);
    ok(trim($said) === 'no connection', 'an unrelated CA is refused', $said);
}
finish();
