//! The `[[directory]]` sections of the lab's servers. The service account's password is in `service.password`.

use super::lab::{Ad, Slapd};

/// slapd at `url`; `more` are further keys.
pub(crate) fn openldap(slapd: &Slapd, url: &str, more: &str) -> String {
    format!(
        r#"
[[directory]]
name = "example"
kind = "openldap"
controllers = [{{ url = "{url}" }}]
ca_file = "{ca}"
bind_name = "cn=svc-proxy,ou=service,dc=example,dc=org"
bind_password_file = "service.password"
{more}
"#,
        ca = slapd.ca().display()
    )
}

/// These of the Samba controllers by number, read as `account`; `scheme` is `ldaps` or `ldap` (StartTLS), `more` are
/// further keys.
pub(crate) fn active_directory(
    ad: &Ad,
    scheme: &str,
    numbers: &[u32],
    account: &str,
    more: &str,
) -> String {
    let controller = |number: &u32| {
        let address = ad.address(*number);
        format!("  {{ url = \"{scheme}://dc{number}.corp.test\", address = \"{address}\" }},\n")
    };
    let controllers: String = numbers.iter().map(controller).collect();
    format!(
        r#"
[[directory]]
name = "corp"
controllers = [
{controllers}]
ca_file = "{ca}"
bind_name = 'CORP\{account}'
bind_password_file = "service.password"
{more}
"#,
        ca = ad.ca().display()
    )
}
