#!/usr/bin/env node
// ldapts.js - the calls of an application on Node.js through ldapts. Environment: README.md.
'use strict';
const fs = require('node:fs');
const {
  Client, AndFilter, EqualityFilter, NotFilter, OrFilter, PresenceFilter, SubstringFilter, ExtensibleFilter, GreaterThanEqualsFilter,
  InvalidCredentialsError, NoSuchObjectError, UnwillingToPerformError, Control,
} = require('ldapts');

let passed = 0;
let failed = 0;
function ok(held, what, why = '') {
  if (held) { passed += 1; console.log(`ok ${what}`); }
  else { failed += 1; console.log(`not ok ${what}: ${why}`); }
  return Boolean(held);
}
function env(name, otherwise) {
  const value = process.env[name] || otherwise;
  if (value === undefined) { console.error(`ldapts.js: set ${name} (see README.md)`); process.exit(2); }
  return value;
}

const url = env('LDAP_URL');
const base = env('BASE', 'DC=corp,DC=test');
const [service, secret] = [env('SVC_NAME'), env('SVC_PASSWORD')];
const [login, password] = [env('USER'), env('USER_PASSWORD')];
const [badLogin, badPassword] = [env('BAD_USER', 'bob'), env('BAD_USER_PASSWORD', password)];
const [netbios, startTls] = [env('NETBIOS', 'CORP'), env('LDAP_STARTTLS', '0') === '1'];
const openldap = env('KIND', 'active-directory') === 'openldap';
const nameAttribute = openldap ? 'uid' : 'sAMAccountName';
const photoAttribute = openldap ? 'jpegPhoto' : 'thumbnailPhoto';
const PEOPLE = openldap ? '(objectClass=inetOrgPerson)' : '(&(objectCategory=person)(objectClass=user))';
const WHO_AM_I = '1.3.6.1.4.1.4203.1.11.3';

function tlsOptions(ca) {
  return { host: new URL(url).hostname, ca: ca ? fs.readFileSync(ca) : undefined, rejectUnauthorized: Boolean(ca) };
}
async function connect(ca = process.env.LDAP_CA) {
  const secure = url.startsWith('ldaps:') ? { tlsOptions: tlsOptions(ca) } : {};
  const client = new Client({ url, timeout: 10000, connectTimeout: 5000, ...secure });
  if (startTls) await client.startTLS(tlsOptions(ca));
  return client;
}
/** What a call fails with; undefined if it does not. */
async function failure(call) {
  try { await call(); } catch (error) { return error; }
  return undefined;
}
const escaped = (value) => value.replace(/[\\*()\0]/g, (c) => `\\${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
const names = (result) => result.searchEntries.map((entry) => entry.dn);
const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

async function run() {
  const client = await connect();
  if (startTls) ok(client.isConnected, 'StartTLS');
  const refused = await failure(() => client.bind(service, secret));
  if (!ok(!refused, 'service bind', refused)) return;

  // Root DSE.
  const root = (await client.search('', { scope: 'base', attributes: ['*', '+'] })).searchEntries[0];
  ok(list(root.namingContexts).length >= 2, 'naming contexts', root.namingContexts);
  ok(list(root.supportedControl).includes('1.2.840.113556.1.4.319'), 'paged results offered', root.supportedControl);
  ok(list(root.supportedExtension).includes(WHO_AM_I), 'Who Am I offered', root.supportedExtension);

  // Everybody: pages of every kind give one list.
  const asked = { scope: 'sub', filter: PEOPLE, attributes: [nameAttribute, 'mail'] };
  const whole = await client.search(base, asked);
  const everybody = names(whole);
  ok(everybody.length > 5 && new Set(everybody).size === everybody.length, `${everybody.length} people, each once`, everybody.length);
  ok(whole.searchReferences.length === 0, 'no references', whole.searchReferences);
  ok(whole.searchEntries.every((entry) => typeof entry[nameAttribute] === 'string'), 'everybody has a login', 'somebody has none');
  for (const pageSize of [7, 100, 1000]) {
    const paged = await client.search(base, { ...asked, paged: { pageSize } });
    ok(names(paged).join('\n') === everybody.join('\n'), `the same in pages of ${pageSize}`, paged.searchEntries.length);
  }
  const standard = await client.search(base, { ...asked, paged: true });
  ok(names(standard).join('\n') === everybody.join('\n'), 'the same in pages of the usual size', standard.searchEntries.length);
  const collected = [];
  let pages = 0;
  let largest = 0;
  for await (const page of client.searchPaginated(base, { ...asked, paged: { pageSize: 10 } })) {
    pages += 1;
    largest = Math.max(largest, page.searchEntries.length);
    collected.push(...names(page));
  }
  ok(collected.join('\n') === everybody.join('\n'), `the same from the paging generator, ${pages} pages`, collected.length);
  ok(pages === Math.ceil(everybody.length / 10) && largest === 10, 'pages are as large as asked', `${pages} pages of up to ${largest}`);
  for await (const page of client.searchPaginated(base, { ...asked, paged: { pageSize: 2 } })) {
    ok(page.searchEntries.length === 2, 'a generator that is left after a page', page.searchEntries.length);
    break;
  }
  const two = [client.search(base, { ...asked, paged: { pageSize: 9 } }), client.search(base, { ...asked, paged: { pageSize: 4 } })];
  for (const side of await Promise.all(two)) ok(names(side).join('\n') === everybody.join('\n'), 'two paged searches side by side', side.searchEntries.length);
  // The library hides code 4 from those who set a limit.
  const cut = await client.search(base, { ...asked, sizeLimit: 3 });
  ok(names(cut).join('\n') === everybody.slice(0, 3).join('\n'), 'size limit', cut.searchEntries.length);

  // Login.
  const found = await client.search(base, { scope: 'sub', filter: `(&${PEOPLE}(${nameAttribute}=${escaped(login)}))` });
  if (!ok(found.searchEntries.length === 1, 'login search finds one entry', found.searchEntries.length)) return;
  const me = found.searchEntries[0];
  ok(me[nameAttribute] === login, 'it is the user', me[nameAttribute]);

  // Filters, as text and as objects.
  const equal = (attribute, value) => new EqualityFilter({ attribute, value });
  const mine = equal(nameAttribute, login);
  const present = new PresenceFilter({ attribute: nameAttribute });
  for (const [what, filter, wanted] of [
    ['equality in another case', equal(nameAttribute, login.toUpperCase()), [me.dn]],
    ['and', new AndFilter({ filters: [present, mine] }), [me.dn]],
    ['or', new OrFilter({ filters: [mine, equal(nameAttribute, 'nobody-here')] }), [me.dn]],
    ['not', new AndFilter({ filters: [present, mine, new NotFilter({ filter: equal('mail', 'nobody@nowhere.test') })] }), [me.dn]],
    ['substring', new AndFilter({ filters: [new SubstringFilter({ attribute: nameAttribute, initial: login.slice(0, 1), any: [login.slice(1, 2)],
      final: login.slice(2) }), mine] }), [me.dn]],
    ['order', new AndFilter({ filters: [mine, new GreaterThanEqualsFilter({ attribute: openldap ? 'modifyTimestamp' : 'whenChanged',
      value: openldap ? '20000101000000Z' : '20000101000000.0Z' })] }), [me.dn]],
    ['nothing', equal(nameAttribute, '*)(objectClass=*\\'), []],
    ['text with escapes', `(${nameAttribute}=\\2a)`, []],
    ['text with many parts', `(|${'(cn=x)'.repeat(200)}(${nameAttribute}=${escaped(login)}))`, [me.dn]],
  ]) {
    const result = await client.search(base, { scope: 'sub', filter, attributes: ['cn'] });
    ok(names(result).join('\n') === wanted.join('\n'), `filter: ${what}`, `${filter}: ${names(result)}`);
  }
  if (!openldap) {
    const active = new NotFilter({ filter: new ExtensibleFilter({ matchType: 'userAccountControl', rule: '1.2.840.113556.1.4.803', value: '2' }) });
    const result = await client.search(base, { scope: 'sub', filter: new AndFilter({ filters: [mine, active] }), attributes: ['cn'] });
    ok(names(result).join() === me.dn, 'filter: a bit of userAccountControl', names(result));
  }
  const read = async (attributes, more = {}) => (await client.search(me.dn, { scope: 'base', attributes, ...more })).searchEntries[0];

  // Octets.
  const identity = openldap ? 'entryUUID' : 'objectGUID';
  const binary = await read([identity, photoAttribute], { explicitBufferAttributes: [identity, photoAttribute] });
  const photo = list(binary[photoAttribute])[0];
  ok(Buffer.isBuffer(photo) && photo.subarray(0, 3).toString('hex') === 'ffd8ff' && photo.subarray(-2).toString('hex') === 'ffd9',
    'the photo is an intact JPEG', photo && photo.length);
  const id = list(binary[identity])[0];
  ok(id.length === (openldap ? 36 : 16), `${identity}`, id.length);
  if (!openldap) {
    const named = (await read(['objectGUID;binary']))['objectGUID;binary'];
    ok(Buffer.isBuffer(named) && named.equals(id), 'octets by the option binary', named);
    const byObject = await client.search(base, { scope: 'sub', filter: equal('objectGUID', id), attributes: ['cn'] });
    ok(names(byObject).join() === me.dn, 'filter: octets as a buffer', names(byObject));
  }
  ok(list((await read(['memberOf'])).memberOf).length > 0, 'memberOf', 'none');
  const types = await read(['mail'], { returnAttributeValues: false });
  ok(list(types.mail).length === 0, 'types without values', types.mail);
  for (const scope of ['base', 'one', 'sub', 'children', 'subordinates']) {
    const result = await failure(() => client.search(me.dn, { scope, attributes: ['cn'] }));
    ok(!result, `scope ${scope}`, result);
  }
  const nowhere = await failure(() => client.search(`OU=nowhere,${base}`, { scope: 'sub' }));
  ok(nowhere instanceof NoSuchObjectError, 'a base that does not exist', nowhere);

  // Controls which are not served.
  const unknown = (critical) => client.search(me.dn, { scope: 'base', attributes: ['cn'] }, new Control('1.2.3.4', { critical }));
  ok(!(await failure(() => unknown(false))), 'an unknown control is ignored', 'refused');
  const critical = await failure(() => unknown(true));
  ok(critical && critical.code === 12, 'an unknown critical control is refused', critical);

  // Compare, Who Am I, writes.
  ok(await client.compare(me.dn, nameAttribute, login), 'compare: true', 'false');
  ok(!(await client.compare(me.dn, nameAttribute, `${login}x`)), 'compare: false', 'true');
  const who = await client.exop(WHO_AM_I);
  ok((who.value || '').startsWith(env('SVC_WHO', `u:${netbios}\\`)), `Who Am I: ${who.value}`, who.value);
  const write = await failure(() => client.del(me.dn));
  ok(write instanceof UnwillingToPerformError, 'deleting is refused', write);

  // The user on a connection of their own, and on this one.
  const user = await connect();
  ok(!(await failure(() => user.bind(me.dn, password))), 'the user binds by the found name');
  const themselves = (await user.exop(WHO_AM_I)).value || '';
  ok(themselves.toLowerCase() === (openldap ? `dn:${me.dn}` : `u:${netbios}\\${login}`).toLowerCase(), 'Who Am I of the user', themselves);
  const wrong = await failure(() => user.bind(me.dn, `${password}x`));
  ok(wrong instanceof InvalidCredentialsError, 'a wrong password: code 49', wrong);
  if (!openldap) ok(/AcceptSecurityContext error, data 52e/.test(wrong.message), 'a wrong password: data 52e', wrong.message);
  ok(!(await failure(() => user.bind(me.dn, password))), 'the right password on the same connection');
  await user.unbind();
  ok(!user.isConnected, 'unbind closes', 'connected');
  ok(!(await failure(() => user.bind(me.dn, password))), 'a bind after an unbind connects again');
  await user.unbind();
  const disabled = await connect();
  const barred = await failure(() => disabled.bind(openldap ? badLogin : `${netbios}\\${badLogin}`, badPassword));
  ok(barred instanceof InvalidCredentialsError, `${badLogin} is refused: code 49`, barred);
  await disabled.unbind();
  ok(!(await failure(() => client.bind(me.dn, password))), 'the user binds on the first connection');
  ok(!(await failure(() => client.bind(service, secret))), 'and the service after them');
  ok(names(await client.search(base, asked)).length === everybody.length, 'everybody, after all that');
  await client.unbind();

  const other = process.env.LDAP_OTHER_CA;
  if (other && (startTls || url.startsWith('ldaps:'))) {
    const distrust = await failure(async () => (await connect(other)).bind(service, secret));
    ok(distrust && /certificate|self-signed|unable to/i.test(String(distrust)), 'an unrelated CA is refused', distrust);
  }
}

run()
  .catch((error) => ok(false, 'no exception', error && error.stack))
  .then(() => {
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed ? 1 : 0);
  });
