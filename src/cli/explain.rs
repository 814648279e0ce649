//! `[io]` `ldapgate explain`: why the running program does what it does.

use std::fmt::Write;

use crate::admin::document::ExplainedSearch;

use super::arguments::ExplainSearchArguments;
use super::client::{ControlClient, query_value};
use super::exit::{CommandError, Done};
use super::{output, render};

/// Runs `explain search`.
///
/// # Errors
/// Nothing runs, or it cannot carry the search out.
pub async fn search(
    client: &ControlClient,
    arguments: &ExplainSearchArguments,
) -> Result<Done, CommandError> {
    let explained: ExplainedSearch = client.get(&question(arguments)).await?.document()?;
    let text = if arguments.json { render::json(&explained)? } else { page(&explained) };
    output::print(&text)?;
    Ok(Done::Well)
}

fn question(arguments: &ExplainSearchArguments) -> String {
    let mut path = format!("/v1/explain/search?filter={}", query_value(&arguments.filter));
    let parts = [
        ("scope", Some(&arguments.scope)),
        ("base", arguments.base.as_ref()),
        ("application", arguments.application.as_ref()),
        ("directory", arguments.directory.as_ref()),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", query_value(value)));
        }
    }
    path
}

/// The page for people.
#[must_use]
pub fn page(explained: &ExplainedSearch) -> String {
    let explanation = &explained.explanation;
    let viewer = explained
        .application
        .as_ref()
        .map_or_else(|| "everything is shown".to_owned(), |name| format!("as application {name}"));
    let mut out = format!(
        "directory {}, generation {}, {viewer}\n\n",
        explained.directory, explained.generation
    );
    let mut table = render::Table::default();
    table.row(["", "part", "index", "leads to"].map(str::to_owned));
    for leg in &explanation.legs {
        table.row([
            if leg.chosen { "first" } else { "" }.to_owned(),
            render::printable(&leg.filter),
            leg.index.words().to_owned(),
            leg.candidates.map_or_else(|| "any".to_owned(), |count| count.to_string()),
        ]);
    }
    out.push_str(&table.render(0));
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\n{}", explanation.way);
    let looks = usize::try_from(explanation.looks).unwrap_or(usize::MAX);
    let _ = writeln!(
        out,
        "{} shown, {} at values, {} to prepare and {} to find",
        render::count(explanation.entries, "entry", "entries"),
        render::count(looks, "look", "looks"),
        microseconds(explanation.prepare_ns),
        microseconds(explanation.find_ns),
    );
    out
}

fn microseconds(nanoseconds: u64) -> String {
    format!("{}.{} \u{b5}s", nanoseconds / 1000, nanoseconds % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{ExplainedLeg, Explanation, IndexUsed};

    #[test]
    fn the_leading_part_is_marked() {
        let leg = |filter: &str, index, candidates, chosen| ExplainedLeg {
            filter: filter.to_owned(),
            index,
            candidates,
            chosen,
        };
        let explained = ExplainedSearch {
            directory: "corp".to_owned(),
            generation: 7,
            application: Some("crm".to_owned()),
            explanation: Explanation {
                legs: vec![
                    leg("(cn=a*)", IndexUsed::Equality, Some(3), true),
                    leg("(!(ou:dn:=x))", IndexUsed::None, None, false),
                ],
                way: "one by one".to_owned(),
                looks: 3,
                entries: 1,
                prepare_ns: 1250,
                find_ns: 900,
            },
        };
        let page = page(&explained);
        assert!(page.starts_with("directory corp, generation 7, as application crm\n"), "{page}");
        assert!(page.lines().any(|line| line.starts_with("first  (cn=a*)  ")), "{page}");
        assert!(page.contains("none      any"), "{page}");
        let end =
            "1 entry shown, 3 looks at values, 1.2 \u{b5}s to prepare and 0.9 \u{b5}s to find\n";
        assert!(page.ends_with(end), "{page}");
    }
}
