//! One search of the corpus.

use std::fmt;

use ldapgate::ldap::controls::server_side_sort::SortKey;
use ldapgate::ldap::filter::Filter;
use ldapgate::ldap::request::{SearchRequest, SearchScope};

/// A search, and what is known of its answers.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// By which reports and lists call it.
    pub(super) id: String,
    pub(super) search: SearchRequest,
    /// Entries of one page; the whole in one answer without it.
    pub(super) page: Option<u32>,
    /// The keys that the entries are to come in the order of (RFC 2891); none: the order is not compared.
    pub(super) sort: Vec<SortKey>,
    /// What the gate answers where it differs on purpose; without it, it answers as the directory does.
    pub(super) differs: Option<Differs>,
}

/// A difference that is meant.
#[derive(Clone, Debug)]
pub(super) struct Differs {
    /// Its identifier in `docs/differences.md`.
    pub(super) why: &'static str,
    pub(super) gate: Instead,
}

/// Attribute descriptions, each with the one that stands in its place.
pub(super) type Renamed = &'static [(&'static str, &'static str)];

/// What the gate answers instead.
#[derive(Clone, Debug)]
pub(super) enum Instead {
    /// This code and exactly the entries with these first parts of their names; values are not compared.
    Entries(u32, Vec<&'static str>),
    /// What the directory answers to another search, some attributes under other names.
    Like(Box<SearchRequest>, Renamed),
    /// The same code and entries; values are not compared.
    OtherValues,
}

impl Row {
    pub(super) fn new(id: impl Into<String>, base: &str, filter: &str) -> Self {
        let id = id.into();
        let filter = Filter::parse(filter).unwrap_or_else(|error| panic!("{id}: {error}"));
        Self::of(id, base, filter)
    }

    pub(super) fn of(id: impl Into<String>, base: &str, filter: Filter) -> Self {
        let search = SearchRequest {
            base: base.to_owned(),
            scope: SearchScope::WholeSubtree,
            deref_aliases: 0,
            size_limit: 0,
            time_limit: 0,
            types_only: false,
            filter,
            attributes: ["1.1"].iter().collect(),
        };
        Self { id: id.into(), search, page: None, sort: Vec::new(), differs: None }
    }

    pub(super) fn scope(mut self, scope: SearchScope) -> Self {
        self.search.scope = scope;
        self
    }

    /// The attributes to ask for, parted by blanks.
    pub(super) fn ask(mut self, attributes: &str) -> Self {
        self.search.attributes = attributes.split_whitespace().map(str::to_owned).collect();
        self
    }

    pub(super) fn types_only(mut self) -> Self {
        self.search.types_only = true;
        self
    }

    pub(super) fn pages_of(mut self, size: u32) -> Self {
        self.page = Some(size);
        self
    }

    /// Keys as command-line clients take them, parted by blanks: `-cn`, `sn:caseIgnoreOrderingMatch`. Their
    /// attributes are asked for.
    pub(super) fn sorted_by(mut self, keys: &str) -> Self {
        let read = |text: &str| {
            let (reverse, text) = match text.strip_prefix('-') {
                Some(rest) => (true, rest),
                None => (false, text),
            };
            let (attribute, rule) = match text.split_once(':') {
                Some((attribute, rule)) => (attribute, Some(rule.to_owned())),
                None => (text, None),
            };
            SortKey { attribute: attribute.to_owned(), rule, reverse }
        };
        self.sort = keys.split_whitespace().map(read).collect();
        self.search.attributes = self.sort.iter().map(|key| key.attribute.clone()).collect();
        self
    }

    fn instead(mut self, why: &'static str, gate: Instead) -> Self {
        self.differs = Some(Differs { why, gate });
        self
    }

    /// The gate finds these entries instead.
    pub(super) fn finds(self, why: &'static str, entries: &[&'static str]) -> Self {
        self.instead(why, Instead::Entries(0, entries.to_vec()))
    }

    /// The gate answers with this code and no entries instead.
    pub(super) fn refuses(self, why: &'static str, code: u32) -> Self {
        self.instead(why, Instead::Entries(code, Vec::new()))
    }

    /// The gate answers as the directory does to this filter.
    pub(super) fn like(self, why: &'static str, filter: &str) -> Self {
        let mut search = self.search.clone();
        search.filter =
            Filter::parse(filter).unwrap_or_else(|error| panic!("{}: {error}", self.id));
        self.instead(why, Instead::Like(Box::new(search), &[]))
    }

    /// The gate answers as the directory does at this base.
    pub(super) fn like_at(self, why: &'static str, base: &str) -> Self {
        let mut search = self.search.clone();
        base.clone_into(&mut search.base);
        self.instead(why, Instead::Like(Box::new(search), &[]))
    }

    /// The gate answers as the directory does when asked for these attributes, with other names for some.
    pub(super) fn like_asked(self, why: &'static str, attributes: &str, renamed: Renamed) -> Self {
        let other = self.clone().ask(attributes);
        self.instead(why, Instead::Like(Box::new(other.search), renamed))
    }

    /// The values differ.
    pub(super) fn other_values(self, why: &'static str) -> Self {
        self.instead(why, Instead::OtherValues)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SearchRequest { base, scope, filter, attributes, types_only, .. } = &self.search;
        let filter = filter.to_string();
        let shown: String = filter.chars().take(300).collect();
        let more = if shown.len() < filter.len() { " …" } else { "" };
        writeln!(f, "row     {}", self.id)?;
        writeln!(f, "base    {base:?} {scope:?}")?;
        writeln!(f, "filter  {shown}{more}")?;
        write!(f, "asks    {}", attributes.iter().collect::<Vec<_>>().join(" "))?;
        if *types_only {
            f.write_str("  (types only)")?;
        }
        if let Some(page) = self.page {
            write!(f, "  (pages of {page})")?;
        }
        for key in &self.sort {
            let direction = if key.reverse { "down" } else { "up" };
            write!(f, "  (sorted {direction} by {} {:?})", key.attribute, key.rule)?;
        }
        Ok(())
    }
}
