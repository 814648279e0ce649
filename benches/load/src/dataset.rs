//! The company that every server under test holds. Each person follows from a number alone, so the data
//! can be written out, and an answer can be checked, without keeping a copy of anything.
//!
//! Everybody has the twelve attributes below, an object class, and three groups: a team of ten that shares
//! a family name, one of twelve departments, and a project of about fifty.

/// The naming context.
pub(crate) const SUFFIX: &str = "dc=bench,dc=example";
/// Where the people are.
pub(crate) const PEOPLE: &str = "ou=People,dc=bench,dc=example";
/// Where their groups are.
pub(crate) const GROUPS: &str = "ou=Groups,dc=bench,dc=example";
/// The account that searches.
pub(crate) const SERVICE: &str = "cn=svc-bench,dc=bench,dc=example";
/// Its password.
pub(crate) const SERVICE_PASSWORD: &str = "service-secret";
/// What `objectCategory` holds, as in Active Directory the name of a schema object.
pub(crate) const CATEGORY: &str = "cn=Person,cn=Schema,cn=Configuration,dc=bench,dc=example";

/// The classes of a person, as in Active Directory.
pub(crate) const CLASSES: [&str; 4] = ["top", "person", "organizationalPerson", "user"];

/// The eight attributes that a search asks for.
pub(crate) const EIGHT: [&str; 8] = [
    "sAMAccountName",
    "userPrincipalName",
    "mail",
    "displayName",
    "givenName",
    "sn",
    "department",
    "telephoneNumber",
];

/// All that a dump asks for: the twelve attributes, the class and the groups.
pub(crate) const ALL: [&str; 14] = [
    "objectClass",
    "objectCategory",
    "cn",
    "sn",
    "givenName",
    "displayName",
    "mail",
    "userPrincipalName",
    "sAMAccountName",
    "userAccountControl",
    "department",
    "title",
    "telephoneNumber",
    "memberOf",
];

const TEAM: u32 = 10;
const PROJECT: u32 = 50;

const GIVEN_NAMES: [&str; 16] = [
    "Ada", "Bjarne", "Carmen", "Dimitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Katja",
    "Liam", "Mei", "Noor", "Olga", "Pavel", "Rosa",
];
const TITLES: [&str; 5] = ["Engineer", "Clerk", "Manager", "Technician", "Analyst"];
const DEPARTMENTS: [&str; 12] = [
    "Accounting",
    "Engineering",
    "Facilities",
    "Human Resources",
    "Legal",
    "Logistics",
    "Marketing",
    "Operations",
    "Purchasing",
    "Research",
    "Verkauf Süd",
    "Support",
];
const SYLLABLES: [&str; 20] = [
    "ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu",
    "bel", "dor", "fan", "gim", "kur",
];

/// A company of a size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Company {
    /// How many people; more than 1.6 million would share family names between teams.
    pub(crate) people: u32,
}

impl Company {
    /// The account name of a person.
    pub(crate) fn account(person: u32) -> String {
        format!("u{person:06}")
    }

    /// The distinguished name of a person.
    pub(crate) fn dn(person: u32) -> String {
        format!("cn={},{PEOPLE}", common_name(person))
    }

    /// The password of a person.
    pub(crate) fn password(person: u32) -> String {
        format!("pw-{person:06}")
    }

    /// The distinguished name of a person's team, which has ten members.
    pub(crate) fn team(person: u32) -> String {
        format!("cn=team-{:05},{GROUPS}", person / TEAM)
    }

    /// A part of a person's display name that the team shares, and hardly anybody else.
    pub(crate) fn name_part(person: u32) -> String {
        family_name(person).chars().skip(1).collect()
    }

    /// The distinguished names of a person's groups.
    pub(crate) fn groups_of(self, person: u32) -> [String; 3] {
        let project = mix(u64::from(person)) % u64::from((self.people / PROJECT).max(1));
        [
            Self::team(person),
            format!("cn=department-{:02},{GROUPS}", department(person)),
            format!("cn=project-{project:05},{GROUPS}"),
        ]
    }

    /// Every value that a person's entry holds.
    pub(crate) fn attributes(self, person: u32) -> Vec<(&'static str, String)> {
        let (given, family) = (given_name(person), family_name(person));
        let account = Self::account(person);
        let title = pick(&TITLES, mix(u64::from(person) ^ 0x71));
        let mut values: Vec<_> =
            CLASSES.iter().map(|class| ("objectClass", (*class).to_owned())).collect();
        values.extend([
            ("objectCategory", CATEGORY.to_owned()),
            ("cn", common_name(person)),
            ("givenName", given.to_owned()),
            ("displayName", format!("{family}, {given}")),
            ("mail", format!("{account}@bench.example")),
            ("userPrincipalName", format!("{account}@corp.bench.example")),
            ("sAMAccountName", account),
            ("userAccountControl", "512".to_owned()),
            ("department", pick(&DEPARTMENTS, u64::from(department(person))).to_owned()),
            ("title", title.to_owned()),
            ("telephoneNumber", format!("+49 30 {person:07}")),
            ("sn", family),
        ]);
        values.extend(self.groups_of(person).map(|group| ("memberOf", group)));
        values
    }
}

fn common_name(person: u32) -> String {
    format!("{} {} {person:06}", given_name(person), family_name(person))
}

fn given_name(person: u32) -> &'static str {
    pick(&GIVEN_NAMES, mix(u64::from(person) ^ 0x91))
}

/// Four syllables that spell the number of the team, the numbers spread over all that there are.
fn family_name(person: u32) -> String {
    let count = SYLLABLES.len() as u64;
    let mut number = u64::from(person / TEAM) * 104_729 % count.pow(4);
    let mut name = String::new();
    for _ in 0..4 {
        name.push_str(pick(&SYLLABLES, number));
        number /= count;
    }
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn department(person: u32) -> u32 {
    (mix(u64::from(person) ^ 0x3d) % DEPARTMENTS.len() as u64) as u32
}

fn pick(list: &[&'static str], number: u64) -> &'static str {
    list.get((number % list.len() as u64) as usize).copied().unwrap_or_default()
}

/// A number that looks random and is the same every time (the finisher of SplitMix64).
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
