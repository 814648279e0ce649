//! How findings are printed for people.

use crate::cli::render::{count, printable};

use super::report::{Finding, Level, Report, Section};

/// Width of the longest area name.
const AREA_WIDTH: usize = 15;

/// One section; nothing if `quiet` and all is as it should be.
#[must_use]
pub fn section_text(section: &Section, quiet: bool, colours: bool) -> String {
    let shown = |finding: &&Finding| !quiet || finding.level > Level::Ok;
    let lines: String = section
        .findings
        .iter()
        .filter(shown)
        .map(|finding| finding_text(finding, colours))
        .collect();
    if lines.is_empty() { lines } else { format!("{}\n{lines}\n", printable(&section.subject)) }
}

fn finding_text(finding: &Finding, colours: bool) -> String {
    let (word, colour) = match finding.level {
        Level::Ok => ("ok  ", "32"),
        Level::Warn => ("warn", "33"),
        Level::Fail => ("FAIL", "31;1"),
    };
    let word = if colours { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word.to_owned() };
    let area = finding.area.to_string();
    let mut text = format!("  {word}  {area:AREA_WIDTH$}  {}\n", printable(&finding.message));
    let below = " ".repeat(AREA_WIDTH + 10);
    if let Some(advice) = &finding.advice {
        text.push_str(&format!("{below}-> {}\n", printable(advice)));
    }
    if let Some(key) = finding.key.as_ref().filter(|_| finding.level > Level::Ok) {
        text.push_str(&format!("{below}   ({key})\n"));
    }
    text
}

/// The last line.
#[must_use]
pub fn summary(report: &Report) -> String {
    let sum = report.sum();
    let verdict = if sum.failures == 0 { "check passed" } else { "check FAILED" };
    format!(
        "{verdict}: {}, {}, {} ok\n",
        count(sum.failures, "failure", "failures"),
        count(sum.warnings, "warning", "warnings"),
        sum.ok
    )
}

#[cfg(test)]
mod tests {
    use super::super::report::Area;
    use super::*;

    fn report() -> Report {
        let findings = vec![
            Finding::ok(Area::Network, "connected"),
            Finding::fail(Area::ServiceAccount, "unknown\u{7}", "correct the name").at("a[0].b"),
        ];
        Report { sections: vec![Section { subject: "controller dc1".to_owned(), findings }] }
    }

    #[test]
    fn a_section_for_people() {
        let report = report();
        let text = section_text(&report.sections[0], false, false);
        assert_eq!(
            text,
            "controller dc1\n\
             \x20 ok    network          connected\n\
             \x20 FAIL  service account  unknown\\u{7}\n\
             \x20                        -> correct the name\n\
             \x20                           (a[0].b)\n\n"
        );
        assert_eq!(summary(&report), "check FAILED: 1 failure, 0 warnings, 1 ok\n");
    }

    #[test]
    fn quiet_leaves_out_what_is_well() {
        let mut report = report();
        assert!(!section_text(&report.sections[0], true, false).contains("connected"));
        report.sections[0].findings.pop();
        assert_eq!(section_text(&report.sections[0], true, false), "");
    }
}
