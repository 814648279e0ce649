#!/usr/bin/python3
"""dctool.py free IP...                       exit 1 when anybody listens on an LDAP/Kerberos/DNS/RPC port of one of the addresses
dctool.py wait IP PGID DNSHOSTNAME [SECONDS]  wait until the DC of process group PGID answers on 389 and, over TLS, on 636"""
import os
import socket
import ssl
import sys
import time

PORTS = (389, 636, 3268, 3269, 88, 464, 53, 135)
LISTEN = '0A'


def tlv(tag, *parts):
    body = b''.join(parts)
    return bytes([tag, len(body)]) + body


# base search of "" for dnsHostName, message id 1
ASK = tlv(0x30, tlv(2, b'\1'), tlv(0x63, tlv(4), tlv(10, b'\0'), tlv(10, b'\0'), tlv(2, b'\0'), tlv(2, b'\0'), tlv(1, b'\0'),
                                  tlv(0x87, b'objectClass'), tlv(0x30, tlv(4, b'dnsHostName'))))


def listeners(ip):
    """{port: set of inodes} of listening TCP sockets which get connections to ip"""
    mine = ''.join('%02X' % int(x) for x in reversed(ip.split('.')))
    found = {}
    for name, addresses in (('tcp', (mine, '00000000')),
                            ('tcp6', ('0' * 32, '0000000000000000FFFF0000' + mine))):
        try:
            lines = open('/proc/net/' + name).read().splitlines()[1:]
        except OSError:
            continue
        for f in map(str.split, lines):
            address, port = f[1].split(':')
            if f[3] == LISTEN and address in addresses:
                found.setdefault(int(port, 16), set()).add(f[9])
    return found


def processes():
    for p in os.listdir('/proc'):
        if p.isdigit():
            try:
                rest = open('/proc/%s/stat' % p).read().rsplit(') ', 1)[1].split()
            except (OSError, IndexError):
                continue
            yield int(p), rest[0], int(rest[2])          # pid, state, process group


def inodes(pid):
    found = set()
    try:
        for fd in os.listdir('/proc/%d/fd' % pid):
            try:
                t = os.readlink('/proc/%d/fd/%s' % (pid, fd))
            except OSError:
                continue
            if t.startswith('socket:['):
                found.add(t[8:-1])
    except OSError:
        pass
    return found


def owners(wanted):
    who = set()
    for pid, _, _ in processes():
        if inodes(pid) & wanted:
            try:
                name = open('/proc/%d/comm' % pid).read().strip()
            except OSError:
                name = '?'
            who.add('%s[%d]' % (name, pid))
    return ', '.join(sorted(who)) or 'an unknown process'


def free(ips):
    bad = 0
    for ip in ips:
        ls = listeners(ip)
        used = [p for p in PORTS if p in ls]
        if used:
            bad = 1
            sys.stderr.write('dctool: %s is already served: port %s by %s\n' % (
                ip, ' '.join(map(str, used)), owners(set().union(*(ls[p] for p in used)))))
    return bad


def complete(data):
    """does the byte string hold a SearchResultDone?"""
    at = 0
    while at + 2 <= len(data):
        n, head = data[at + 1], 2
        if n & 0x80:
            head += n & 0x7f
            n = int.from_bytes(data[at + 2:at + head], 'big')
        if at + head + n > len(data):
            return False
        if data[at + head + 3:at + head + 4] == b'\x65':     # after the message id 02 01 01
            return True
        at += head + n
    return False


def ask(ip, port):
    s = socket.create_connection((ip, port), 2)
    s.settimeout(5)
    if port == 636:
        c = ssl.create_default_context()
        c.check_hostname = False
        c.verify_mode = ssl.CERT_NONE
        s = c.wrap_socket(s)
    with s:
        s.sendall(ASK)
        data = b''
        while not complete(data):
            b = s.recv(4096)
            if not b:
                raise OSError('connection closed without an answer')
            data += b
    return data


def wait(ip, pgid, name, limit):
    t0 = time.time()
    why = 'nothing listens'
    while True:
        alive = [p for p, state, g in processes() if g == pgid and state != 'Z']
        if not alive:
            return 'its processes have ended'
        ls = listeners(ip)
        if 389 in ls and 636 in ls:
            ours = set().union(*(inodes(p) for p in alive))
            for port in (389, 636):
                if ls[port] - ours:
                    return 'port %d is served by %s, not by process group %d' % (port, owners(ls[port] - ours), pgid)
            try:
                got = [name.encode() in ask(ip, port).lower() for port in (389, 636)]
                if all(got):
                    print('%s %s ready after %.2f s' % (name, ip, time.time() - t0))
                    return None
                why = 'the root DSE does not name ' + name
            except (OSError, ssl.SSLError) as e:
                why = str(e)
        if time.time() - t0 > limit:
            return 'not ready after %g s: %s' % (limit, why)
        time.sleep(0.03)


def main():
    if len(sys.argv) > 2 and sys.argv[1] == 'free':
        sys.exit(free(sys.argv[2:]))
    if len(sys.argv) in (5, 6) and sys.argv[1] == 'wait':
        why = wait(sys.argv[2], int(sys.argv[3]), sys.argv[4], float(sys.argv[5]) if len(sys.argv) == 6 else 30)
        if why:
            sys.exit('dctool: %s %s: %s' % (sys.argv[4], sys.argv[2], why))
        return
    sys.exit(__doc__)


main()
