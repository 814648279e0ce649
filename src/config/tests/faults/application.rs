//! Faults of an application and its local accounts.

use super::*;

#[test]
fn each_fault_of_an_application_is_named() {
    check(APPLICATIONS);
}

const APPLICATIONS: &[Row] = &[
    ("name = \"crm\"\n", "", "application[0].name", "is missing"),
    ("name = \"crm\"", "name = \"c r m\"", "application[0].name", "is no name"),
    (
        APPLICATION,
        "[[application]]\ndirectories = []\n",
        "application[0].directories",
        "empty list",
    ),
    (
        APPLICATION,
        "[[application]]\ndirectories = [\"corp\", \"lab\"]\n",
        "application[0].directories[1]",
        "known: \"corp\"",
    ),
    (
        APPLICATION,
        "[[application]]\ndirectories = [\"corp\", \"corp\"]\n",
        "application[0].directories[1]",
        "already",
    ),
    (
        APPLICATION,
        "[[application]]\noperations = [\"bind\", \"modify\"]\n",
        "application[0].operations[1]",
        "no operation that is served",
    ),
    (
        "[[application]]\n",
        "[[application]]\noperations = []\n",
        "application[0].operations",
        "empty list",
    ),
    (
        "[[application]]\n",
        "[[application]]\nlimits.binds_per_second = 2000000\n",
        "application[0].limits.binds_per_second",
        "between 0",
    ),
    (
        "[[application]]\n",
        "[[application]]\nlisteners = [\"inside\"]\n",
        "application[0].listeners[0]",
        "known: \"ldap://127.0.0.1:3389\"",
    ),
    (PEOPLE, "bases = []", "application[0].bases", "empty list"),
    (PEOPLE, "bases = [\"\"]", "application[0].bases[0]", "is empty"),
    (PEOPLE, "bases = [\"People\"]", "application[0].bases[0]", "at position"),
    (PEOPLE, "bases = [{ dn = \"People\" }]", "application[0].bases[0].dn", "at position"),
    (PEOPLE, "bases = [{ directory = \"corp\" }]", "application[0].bases[0].dn", "is missing"),
    (
        PEOPLE,
        "bases = [{ directory = \"lab\", dn = \"DC=corp\" }]",
        "application[0].bases[0].directory",
        "no directory of this application",
    ),
    (
        PEOPLE,
        "bases = [\"DC=corp,DC=example\", \"dc=Corp, dc=example\"]",
        "application[0].bases[1]",
        "already",
    ),
    (
        PEOPLE,
        "bases = [\"OU=A,DC=corp\"]\nexcluded_bases = [\"DC=corp\"]",
        "application[0].excluded_bases",
        "a whole base",
    ),
    (
        APPLICATION,
        "[[application]]\nuser_filter = \"(mail=*\"\n",
        "application[0].user_filter",
        "at position",
    ),
    (
        APPLICATION,
        "[[application]]\nrequired_groups = [\"\"]\n",
        "application[0].required_groups[0]",
        "is empty",
    ),
    (
        APPLICATION,
        "[[application]]\nrequired_groups = []\n",
        "application[0].required_groups",
        "empty list",
    ),
    (
        APPLICATION,
        "[[application]]\ndenied_groups = [\"CN=A,,DC=corp\"]\n",
        "application[0].denied_groups[0]",
        "no distinguished name",
    ),
    (
        APPLICATION,
        "[[application]]\ndenied_groups = [\"a\", \"A\"]\n",
        "application[0].denied_groups[1]",
        "already",
    ),
    (APPLICATION, "[[application]]\nattributes = []\n", "application[0].attributes", "empty list"),
    (
        APPLICATION,
        "[[application]]\nattributes = [\"mail\", \"*\"]\n",
        "application[0].attributes[1]",
        "hidden_attributes",
    ),
    (
        APPLICATION,
        "[[application]]\nattributes = [\"unicodePwd\"]\n",
        "application[0].attributes[0]",
        "never copied",
    ),
    (
        APPLICATION,
        "[[application]]\nattributes = [\"mail\", \"MAIL\"]\n",
        "application[0].attributes[1]",
        "already",
    ),
    (
        APPLICATION,
        "[[application]]\nhidden_attributes = [\"mail\", \"CN\"]\n",
        "application[0].hidden_attributes",
        "cannot be hidden",
    ),
    (
        APPLICATION,
        "[[application]]\nattributes = [\"mail\"]\nhidden_attributes = [\"title\"]\n",
        "application[0].hidden_attributes",
        "beside attributes",
    ),
    (
        APPLICATION,
        "[[application]]\nvisible_bases = [\"Groups\"]\n",
        "application[0].visible_bases[0]",
        "at position",
    ),
    (APPLICATION, "[[application]]\ngroup_filter = \"cn=\"\n", "application[0].group_filter", ""),
    (
        APPLICATION,
        "[[application]]\ndisabled_accounts = \"gone\"\n",
        "application[0].disabled_accounts",
        "\"shown\" or",
    ),
    (
        APPLICATION,
        "[[application]]\nrename_attributes = [{ to = \"uid\" }]\n",
        "application[0].rename_attributes[0].attribute",
        "is missing",
    ),
    (
        APPLICATION,
        "[[application]]\nrename_attributes = [{ attribute = \"mail\", to = \"cn\" }]\n",
        "application[0].rename_attributes[0].to",
        "keeps its own",
    ),
    (
        APPLICATION,
        "[[application]]\nrename_attributes = [{ attribute = \"unicodePwd\", to = \"x\" }]\n",
        "application[0].rename_attributes[0].attribute",
        "never copied",
    ),
    (
        APPLICATION,
        "[[application]]\nrename_attributes = [{ attribute = \"mail\", to = \"uid\" }, { attribute = \"sn\", to = \"UID\" }]\n",
        "application[0].rename_attributes[1].to",
        "another attribute",
    ),
    (
        APPLICATION,
        "[[application]]\nrename_attributes = [{ attribute = \"mail\", to = \"x\" }, { attribute = \"MAIL\", to = \"y\" }]\n",
        "application[0].rename_attributes[1].attribute",
        "another name already",
    ),
    (
        APPLICATION,
        "[[application]]\nrewrite_bases = [{ from = \"DC=corp\" }]\n",
        "application[0].rewrite_bases[0].to",
        "is missing",
    ),
    (
        APPLICATION,
        "[[application]]\nrewrite_bases = [{ from = \"DC=corp\", to = \"legacy\" }]\n",
        "application[0].rewrite_bases[0].to",
        "at position",
    ),
    (
        APPLICATION,
        "[[application]]\nrewrite_bases = [{ from = \"DC=corp\", to = \"OU=x,dc=Corp\" }]\n",
        "application[0].rewrite_bases[0].to",
        "overlap",
    ),
    (
        APPLICATION,
        "[[application]]\nrewrite_bases = [{ from = \"DC=corp\", to = \"cn=LDAPgate\" }]\n",
        "application[0].rewrite_bases[0].to",
        "cn=ldapgate",
    ),
    (
        APPLICATION,
        "[[application]]\nrewrite_bases = [{ from = \"DC=a\", to = \"DC=b\" }, { from = \"DC=c\", to = \"DC=b\" }]\n",
        "application[0].rewrite_bases[1].to",
        "overlaps with number 0",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"company\" }]\n",
        "application[0].add_attributes[0]",
        "in one way",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"company\", values = [\" \"] }]\n",
        "application[0].add_attributes[0].values[0]",
        "is empty",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"company\", nested = true }]\n",
        "application[0].add_attributes[0].attribute",
        "no other attribute",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"manager\", values = [\"cn=x\"] }]\n",
        "application[0].add_attributes[0].attribute",
        "names of entries",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"department\", from_path = 0 }]\n",
        "application[0].add_attributes[0].from_path",
        "between 1 and 20",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"o\", from_path = 1 }, { attribute = \"organizationName\", from_path = 2 }]\n",
        "application[0].add_attributes[1].attribute",
        "in the list already",
    ),
    (SERVICE, "service_accounts = []", "application[0].service_accounts", "empty list"),
    (
        SERVICE,
        r#"service_accounts = ["CORP\tom"]"#,
        "application[0].service_accounts[0]",
        "single quotes",
    ),
    (
        SERVICE,
        r#"service_accounts = ["a@b", "A@B"]"#,
        "application[0].service_accounts[1]",
        "already",
    ),
    (
        SERVICE,
        "service_accounts = [\"CN=a,,DC=b\"]",
        "application[0].service_accounts[0]",
        "no distinguished name",
    ),
    (
        APPLICATION,
        "[[application]]\nsearchers = \"everybody\"\n",
        "application[0].searchers",
        "\"service-accounts\" or",
    ),
    (
        APPLICATION,
        "[[application]]\nanonymous = \"yes\"\n",
        "application[0].anonymous",
        "\"root-dse-only\" or",
    ),
    (
        APPLICATION,
        "[[application]]\nrefusals = \"533\"\n",
        "application[0].refusals",
        "\"uniform\" or",
    ),
    (
        APPLICATION,
        "[[application]]\nnegative_latency = \"9s\"\n",
        "application[0].negative_latency",
        "between 0ms and 4s",
    ),
    (
        APPLICATION,
        "[[application]]\nnetworks = [\"10.0.0.0/8\", \"lan\"]\n",
        "application[0].networks[1]",
        "is no network",
    ),
    (
        APPLICATION,
        "[[application]]\nnetworks = [\"10.1.2.3/8\"]\n",
        "application[0].networks[0]",
        "10.0.0.0/8 for the network",
    ),
    (
        APPLICATION,
        "[[application]]\nlimits.time = \"0s\"\n",
        "application[0].limits.time",
        "out of bounds",
    ),
    (APPLICATION, "[[application]]\nlimits.size = -1\n", "application[0].limits.size", "write"),
];

#[test]
fn each_fault_of_a_local_account_is_named() {
    check(LOCAL_ACCOUNT);
}

const LOCAL_ACCOUNT: &[Row] = &[
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = []\n",
        "application[0].local_accounts",
        "empty list",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ secret = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }]\n",
        "application[0].local_accounts[0].name",
        "is missing",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = \"crm\" }]\n",
        "application[0].local_accounts[0].secret",
        "service-account new",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = \"crm\", secret = \"hunter2\" }]\n",
        "application[0].local_accounts[0].secret",
        "neither",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = \"crm\", secret = \"sha256:abc\" }]\n",
        "application[0].local_accounts[0].secret",
        "64 hexadecimal",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = \"crm\", secret = \"$argon2id$v=19$m=19456\" }]\n",
        "application[0].local_accounts[0].secret",
        "no salt or no hash",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = \"crm\", secret = \"$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$U29tZUhhc2hTb21lSGFzaFNvbWVIYXNoU29tZUhhc2g\" }]\n",
        "application[0].local_accounts[0].secret",
        "more than 256 MiB",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = 'CORP\\crm', secret = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }]\n",
        "application[0].local_accounts[0].name",
        "belong to other forms",
    ),
    (
        SERVICE,
        "service_accounts = [\"CRM\"]\nlocal_accounts = [{ name = 'crm', secret = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }]",
        "application[0].local_accounts[0].name",
        "service_accounts too",
    ),
];
