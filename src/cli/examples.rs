//! The examples that the help of each command ends with.

pub(super) const RUN: &str = "\
Examples:
  ldapgate run
  ldapgate run -c /etc/ldapgate/ldapgate.toml";

pub(super) const CHECK: &str = "\
Examples:
  ldapgate check
  ldapgate check -c new.toml && systemctl restart ldapgate
  ldapgate check --json | jq '.findings[] | select(.level == \"fail\")'";

pub(super) const DEMO: &str = "\
Examples:
  ldapgate demo
  ldapgate demo --listen 127.0.0.1:10389 --every 5
  ldapgate demo --every 0      # no failover; press Enter for one";

pub(super) const CERTS: &str = "\
Examples:
  ldapgate certs ldap.corp.example 10.0.0.5
  ldapgate certs --directory /etc/ldapgate/certs --force ldap.corp.example";

pub(super) const SERVICE_ACCOUNT: &str = "\
Examples:
  ldapgate service-account new crm
  ldapgate service-account new crm --secret-file -     # a secret that you choose";

pub(super) const STATUS: &str = "\
Examples:
  ldapgate status
  ldapgate status --json | jq '.directories[].controllers[] | {name, verify}'
  ldapgate status --socket /run/ldapgate/control.sock";

pub(super) const METRICS: &str = "\
Examples:
  ldapgate metrics
  ldapgate metrics --socket /run/ldapgate/control.sock | grep held

For the textfile collector of the node exporter, every minute (sponge replaces the file whole):
  ldapgate metrics | sponge /var/lib/prometheus/node-exporter/ldapgate.prom

For a scrape of http://localhost:9389/v1/metrics. It lends the whole control socket to everybody on
this machine: use it where nobody else has an account.
  socat TCP-LISTEN:9389,bind=127.0.0.1,reuseaddr,fork UNIX-CONNECT:/run/ldapgate/control.sock";

pub(super) const SYNC: &str = "\
Examples:
  ldapgate sync
  ldapgate sync --directory corp --full
  ldapgate sync --dry-run      # what would change, by name
  ldapgate sync --user alice   # sync, then show what the copy says of her
  ldapgate sync jobs --newest 50
  ldapgate sync accept --directory corp";

pub(super) const SYNC_JOBS: &str = "\
Examples:
  ldapgate sync jobs
  ldapgate sync jobs --directory corp --newest 200
  ldapgate sync jobs --json | jq '.jobs[] | select(.outcome == \"held\")'";

pub(super) const SYNC_DECISIONS: &str = "\
Examples:
  ldapgate status              # what is held, and why
  ldapgate sync accept --directory corp
  ldapgate sync reject --directory corp";

pub(super) const RELOAD: &str = "\
Examples:
  ldapgate reload --dry-run    # who would leave, who would come
  ldapgate reload
  ldapgate reload --accept     # take over what was held
  ldapgate reload --json | jq .outcome";

pub(super) const BLOCK: &str = "\
Examples:
  ldapgate block alice
  ldapgate block alice@corp.example --for 8h --reason lost-laptop
  ldapgate block --group Contractors --directory corp
  ldapgate block --application crm --for 30m";

pub(super) const UNBLOCK: &str = "\
Examples:
  ldapgate unblock alice
  ldapgate unblock 4f2a1c9e-0b7d-4f4e-9a53-2f0f3f5a7c11     # as ldapgate blocks lists it
  ldapgate unblock --application crm";

pub(super) const BLOCKS: &str = "\
Examples:
  ldapgate blocks
  ldapgate blocks --json | jq '.blocks[] | {name, until_unix, reason}'";

pub(super) const AUDIT: &str = "\
Examples:
  ldapgate audit verify
  ldapgate audit verify --head 4711:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  ldapgate audit verify --file /mnt/backup/audit.jsonl --key-file /root/audit.key --json";
pub(super) const UNSHIELD: &str = "\
Examples:
  ldapgate unshield alice
  ldapgate unshield alice@corp.example --directory corp";

pub(super) const EXPLAIN: &str = "\
Examples:
  ldapgate explain search (sAMAccountName=alice)       # in a shell, in single quotes
  ldapgate explain search (mail=*smith*) --base OU=People,DC=corp,DC=example --application crm
  ldapgate explain search (objectClass=user) --scope one --json";

pub(super) const EXPLAIN_BIND: &str = "\
Examples:
  ldapgate explain bind alice@corp.example --app crm
  ldapgate explain bind 'CORP\\alice' --from 10.1.2.3
  ldapgate explain bind alice --from 10.1.2.3 --listener office --json";

pub(super) const LOG_LEVEL: &str = "\
Examples:
  ldapgate log-level
  ldapgate log-level debug";
