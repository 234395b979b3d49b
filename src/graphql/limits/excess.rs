//! Which limit was passed, by how much, and in which words it is said.

use super::super::error::Fault;

/// A limit of a request. Its name is that of the setting in `[graphql]` or `[live]`, where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of the whole request.
    Body,
    /// Bytes of the document.
    DocumentBytes,
    /// Words, numbers, strings and signs of the document.
    Tokens,
    /// Brackets within brackets, of the document or a variable.
    Nesting,
    /// Operations of the document.
    Operations,
    /// Fragments of the document.
    Fragments,
    /// Variables that the document declares.
    Variables,
    /// Fields and fragments, opened.
    Fields,
    /// Fields within fields.
    Depth,
    /// Selections within selections, fragments included.
    Levels,
    /// Fields with a name of their own.
    Aliases,
    /// Directives.
    Directives,
    /// Elements of one list.
    List,
    /// Values of one argument.
    Values,
    /// Filters in one `and` or `or`.
    Combined,
    /// Filters within filters.
    FilterDepth,
    /// Words of one `search`.
    SearchWords,
    /// Searches and filters of related things in one filter.
    Steps,
    /// Fields of one `orderBy`.
    Order,
    /// Elements of one page.
    Page,
    /// Buckets of statistics.
    Buckets,
    /// The same list of the schema within itself.
    Introspection,
    /// What it would cost.
    Cost,
    /// How long it takes.
    Time,
    /// Operations that run at once on one socket.
    Running,
    /// Live connections that one reader holds at once.
    Connections,
}

impl Limit {
    /// The name, as in `extensions.limit` of a refusal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Body => "max_body_bytes",
            Self::DocumentBytes => "max_document_bytes",
            Self::Tokens => "max_tokens",
            Self::Nesting => "nesting",
            Self::Operations => "operations",
            Self::Fragments => "fragments",
            Self::Variables => "variables",
            Self::Fields => "max_fields",
            Self::Depth => "max_depth",
            Self::Levels => "levels",
            Self::Aliases => "max_aliases",
            Self::Directives => "max_directives",
            Self::List => "max_list",
            Self::Values => "max_values",
            Self::Combined => "combined_filters",
            Self::FilterDepth => "filter_depth",
            Self::SearchWords => "search_words",
            Self::Steps => "filter_steps",
            Self::Order => "order",
            Self::Page => "page",
            Self::Buckets => "max_buckets",
            Self::Introspection => "introspection",
            Self::Cost => "max_cost",
            Self::Time => "timeout_seconds",
            Self::Running => "max_operations",
            Self::Connections => "max_per_viewer",
        }
    }

    /// What is bounded, with the bound.
    fn words(self, most: usize) -> String {
        match self {
            Self::Body => format!("a request has at most {most} bytes"),
            Self::DocumentBytes => format!("a document has at most {most} bytes"),
            Self::Tokens => format!("a document has at most {most} tokens"),
            Self::Nesting => format!("a document and its variables nest at most {most} brackets"),
            Self::Operations => format!("a document has at most {most} operations"),
            Self::Fragments => format!("a document has at most {most} fragments"),
            Self::Variables => format!("a document declares at most {most} variables"),
            Self::Fields => {
                format!("a request selects at most {most} fields once its fragments are opened")
            }
            Self::Depth => format!("fields nest at most {most} deep"),
            Self::Levels => format!("selections nest at most {most} deep, fragments included"),
            Self::Aliases => format!("a request has at most {most} aliases"),
            Self::Directives => format!("a request has at most {most} directives"),
            Self::List => format!("a list has at most {most} elements"),
            Self::Values => format!("an argument holds at most {most} values in all"),
            Self::Combined => format!("`and` and `or` combine at most {most} filters"),
            Self::FilterDepth => format!("a filter nests at most {most} deep"),
            Self::SearchWords => format!("a search has at most {most} words"),
            Self::Steps => {
                format!("a filter holds at most {most} searches and filters of related things")
            }
            Self::Order => format!("a list is sorted by at most {most} fields"),
            Self::Page => format!("a page has at most {most} elements"),
            Self::Buckets => format!(
                "statistics have at most {most} buckets: take longer ones, or a shorter period"
            ),
            Self::Introspection if most == 0 => "this server does not tell its schema".to_owned(),
            Self::Introspection => {
                "a question about the schema does not lead through the same list twice".to_owned()
            }
            Self::Cost => format!(
                "a request costs at most {most}: take smaller pages (`first`) or fewer lists within lists"
            ),
            Self::Time => format!("a request takes at most {most} seconds: ask for less at once"),
            Self::Running => format!("a socket runs at most {most} operations at once"),
            Self::Connections => format!("a reader holds at most {most} live connections at once"),
        }
    }

    /// Refuses what is more than `most`.
    ///
    /// # Errors
    /// LIMIT_EXCEEDED.
    pub fn check(self, most: usize, asked: usize) -> Result<(), Fault> {
        if asked > most {
            return Err(Fault::over(self, most, asked));
        }
        Ok(())
    }
}

/// A limit that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Which.
    pub limit: Limit,
    /// Its value.
    pub most: usize,
    /// What was asked; null where that was not found out.
    pub asked: Option<usize>,
}

impl std::fmt::Display for Excess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.limit.words(self.most))?;
        match self.asked {
            Some(asked) => write!(formatter, " (here: {asked})"),
            None => Ok(()),
        }
    }
}
