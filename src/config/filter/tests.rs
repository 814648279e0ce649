//! The usual mistakes, each with what is proposed; what is no mistake; and that proposals are filters.

use proptest::prelude::{ProptestConfig, prop_assert, proptest};

use super::*;

/// What is written, a part of the reason, and the whole filter that is proposed.
const MISTAKES: &[(&str, &str, &str)] = &[
    // Vendors document it without the inner parentheses.
    ("(!objectClass=computer)", "its own parentheses", "(!(objectClass=computer))"),
    (
        "(&(objectClass=user)(!objectClass=computer))",
        "its own parentheses",
        "(&(objectClass=user)(!(objectClass=computer)))",
    ),
    // Parentheses that are missing or too many.
    ("department=Sales", "stands in parentheses", "(department=Sales)"),
    ("&(a=b)(c=d)", "stands in parentheses", "(&(a=b)(c=d))"),
    ("(&(a=b)(c=d)", "`)` is missing", "(&(a=b)(c=d))"),
    ("(&(a=b)(|(c=d)(e=f)", "`)` is missing", "(&(a=b)(|(c=d)(e=f)))"),
    ("(mail=*", "`)` is missing", "(mail=*)"),
    ("(a=b))", "too many", "(a=b)"),
    ("((a=b))", "before the operator", "(a=b)"),
    ("(a=b)(c=d)", "second filter", "(&(a=b)(c=d))"),
    ("(&objectClass=user)", "its own parentheses", "(&(objectClass=user))"),
    ("(a=b(c=d)", "written `\\28`", "(&(a=b)(c=d))"),
    // Words and signs of other languages.
    ("(a=b) AND (c=d)", "after the end", "(&(a=b)(c=d))"),
    ("(a=b) or (c=d) and (e=f)", "after the end", "(|(a=b)(&(c=d)(e=f)))"),
    ("a=b AND c=d", "stands in parentheses", "(&(a=b)(c=d))"),
    ("(a=b AND c=d)", "`AND` in a value", "(&(a=b)(c=d))"),
    ("(a=b or not c=d)", "`or` in a value", "(|(a=b)(!(c=d)))"),
    ("(a=b)&&(c=d)", "after the end", "(&(a=b)(c=d))"),
    ("(a=b && c=d)", "`&&` in a value", "(&(a=b)(c=d))"),
    ("(a=b||c=d)", "`||` in a value", "(|(a=b)(c=d))"),
    ("(&&(a=b)(c=d))", "`&`", "(&(a=b)(c=d))"),
    ("(AND(a=b)(c=d))", "operator is missing", "(&(a=b)(c=d))"),
    ("NOT (a=b)", "stands in parentheses", "(!(a=b))"),
    // Operators of other languages.
    ("(cn==a)", "`==`", "(cn=a)"),
    ("(cn!=a)", "`!=` is no operator", "(!(cn=a))"),
    ("(&(a=b)(cn!=a))", "`!=` is no operator", "(&(a=b)(!(cn=a)))"),
    ("(cn<>a)", "`<` alone is no operator", "(!(cn=a))"),
    ("(uidNumber=>500)", "`=>`", "(uidNumber>=500)"),
    ("(cn = a)", "blank beside", "(cn=a)"),
    // Quotes.
    ("(department=\"Sales\")", "quotes are a part", "(department=Sales)"),
    ("(department='Sales')", "quotes are a part", "(department=Sales)"),
    ("\"(department=Sales)\"", "stands in parentheses", "(department=Sales)"),
    // What has to be escaped.
    ("(department=Sales (EMEA))", "written `\\28`", "(department=Sales \\28EMEA\\29)"),
    ("(cn=a\\*b)", "`\\*` is written `\\2a`", "(cn=a\\2ab)"),
    ("(manager=CN=Doe\\, Jane,DC=corp)", "two hexadecimal", "(manager=CN=Doe\\5c, Jane,DC=corp)"),
    ("(sAMAccountName=CORP\\administrator)", "one octet", "(sAMAccountName=CORP\\5cadministrator)"),
    ("(cn=a**b)", "two `*`", "(cn=a*b)"),
];

#[test]
fn mistakes_are_told_with_what_is_meant() {
    for (text, reason, meant) in MISTAKES {
        let fault = filter(text).unwrap_err();
        assert!(fault.reason.contains(reason), "{text}: {}", fault.reason);
        let quoted = format!("'{meant}'");
        let shown = if meant.contains('\\') { quoted.as_str() } else { meant };
        assert!(fault.instead.ends_with(shown), "{text}: {}", fault.instead);
        assert!(filter(meant).is_ok(), "{meant}");
    }
}

#[test]
fn what_cannot_be_told_gets_an_example() {
    for text in
        ["", " ", "()", "(", "everybody", "(cn)", "(uidNumber>5)", "(&)(", "(=a)", "(cn=)x("]
    {
        let fault = filter(text).unwrap_err();
        assert!(fault.instead.contains("RFC 4515"), "{text}: {}", fault.instead);
    }
}

#[test]
fn what_looks_odd_and_is_right_is_taken() {
    for text in [
        "(&)",
        "(objectClass=*)",
        "(cn=Sales and Marketing)",
        "(cn=R&D)",
        "(cn=Romeo & Juliet)",
        "(cn=AND)",
        "(cn=Land or Sea)",
        "(description=Meteor x=1)",
        "(cn=\\3dx)",
        "(cn=\\22quoted\\22)",
        "(cn=O'Neil)",
        "(cn=M\\c3\\bcller)",
        "(objectGUID=\\ad\\00\\ff\\10)",
        "(jpegPhoto=\\ff\\d8*)",
        "(employeeBadge=\\ad)",
        "(userAccountControl:1.2.840.113556.1.4.803:=2)",
        "(!(userAccountControl:1.2.840.113556.1.4.803:=2))",
        "(cn:dn:caseExactMatch:=Fred)",
        "(&(objectClass=user)(|(mail=*@a.example)(mail=*@b.example)))",
    ] {
        assert!(filter(text).is_ok(), "{text}: {:?}", filter(text));
    }
}

#[test]
fn a_proposal_for_a_deep_text_is_given_up() {
    for text in ["(".repeat(100_000), "!".repeat(100_000), "(a=b)".repeat(2000), "&(".repeat(2000)]
    {
        let fault = filter(&text).unwrap_err();
        assert!(fault.instead.contains("RFC 4515"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is written: what is proposed is a filter that is taken.
    #[test]
    fn proposals_are_taken(text in "[(a=b)&|! ANDnot\"'\\\\*é5c<>~:;]{0,40}") {
        if let Some(meant) = proposal(&text) {
            prop_assert!(filter(&meant).is_ok(), "{text:?} -> {meant:?}");
        }
    }

    /// What is taken means what RFC 4515 says.
    #[test]
    fn what_is_taken_is_read_as_it_stands(text in "\\([&|!]?(\\(?[ab]=[a-z =\"&*]{0,8}\\)?){1,3}\\)") {
        if let Ok(taken) = filter(&text) {
            prop_assert!(Filter::parse(&text) == Ok(taken));
        }
    }
}
