//! CSS selectors: read from text, and matched with the elements of a page.

use super::tree::{Element, Tree};

const MAX_LENGTH: usize = 2_000;
const MAX_DEPTH: usize = 8;

/// Several selectors with commas between them: an element that one of them matches.
#[derive(Debug)]
pub(super) struct Selector(Vec<Complex>);

/// Compounds from right to left, each with what stands before it.
#[derive(Debug)]
struct Complex(Vec<(Compound, Combinator)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Combinator {
    /// Nothing stands before it.
    None,
    Descendant,
    Child,
    Next,
    Later,
}

#[derive(Debug, Default)]
struct Compound {
    /// In lower case. `None`: any.
    tag: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
enum Rule {
    Id(String),
    Class(String),
    Attribute { name: String, test: Test, value: String, ignores_case: bool },
    Nth(Nth),
    Empty,
    Contains(String),
    Is(Selector),
    Not(Selector),
    Has(Combinator, Selector),
}

#[derive(Debug, Clone, Copy)]
enum Test {
    Exists,
    Equals,
    Word,
    Dash,
    Starts,
    Ends,
    Contains,
}

/// `an+b`, from the start or the end, of all siblings or of those with the same tag.
#[derive(Debug, Clone, Copy)]
struct Nth {
    a: i64,
    b: i64,
    from_end: bool,
    of_type: bool,
}

impl Selector {
    /// `None`: it is no selector, or has something that is not known here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let mut parser = Parser { rest: text, depth: 0 };
        let selector = parser.list()?;
        parser.rest.is_empty().then_some(selector)
    }

    pub(super) fn matches(&self, tree: &Tree, at: usize) -> bool {
        self.0.iter().any(|complex| complex.matches(tree, at, 0))
    }
}

impl Complex {
    /// Whether the compound at `from` matches the element, and those before it match others.
    fn matches(&self, tree: &Tree, at: usize, from: usize) -> bool {
        let (compound, before) = &self.0[from];
        if !compound.matches(tree, at) {
            return false;
        }
        let next = from + 1;
        match before {
            Combinator::None => true,
            Combinator::Child => tree.parent(at).is_some_and(|up| self.matches(tree, up, next)),
            Combinator::Descendant => {
                tree.ancestors(at).any(|ancestor| self.matches(tree, ancestor, next))
            }
            Combinator::Next => {
                tree.before(at).next().is_some_and(|before| self.matches(tree, before, next))
            }
            Combinator::Later => tree.before(at).any(|before| self.matches(tree, before, next)),
        }
    }
}

impl Compound {
    fn matches(&self, tree: &Tree, at: usize) -> bool {
        let Some(element) = tree.element(at) else { return false };
        self.tag.as_ref().is_none_or(|tag| *tag == element.name)
            && self.rules.iter().all(|rule| rule.matches(tree, at, element))
    }
}

impl Rule {
    fn matches(&self, tree: &Tree, at: usize, element: &Element) -> bool {
        match self {
            Self::Id(id) => element.attribute("id") == Some(id),
            Self::Class(class) => {
                let classes = element.attribute("class").unwrap_or_default();
                classes.split_ascii_whitespace().any(|one| one == class)
            }
            Self::Attribute { name, test, value, ignores_case } => {
                element.attribute(name).is_some_and(|there| match ignores_case {
                    true => test.fits(&there.to_lowercase(), &value.to_lowercase()),
                    false => test.fits(there, value),
                })
            }
            Self::Nth(nth) => nth.fits(tree, at, &element.name),
            Self::Empty => !tree.inside(at).any(|inner| tree.is_content(inner)),
            Self::Contains(text) => tree.text(at).contains(text.as_str()),
            Self::Is(selector) => selector.matches(tree, at),
            Self::Not(selector) => !selector.matches(tree, at),
            Self::Has(Combinator::Child, selector) => {
                let mut children = tree.inside(at).filter(|inner| tree.parent(*inner) == Some(at));
                children.any(|child| selector.matches(tree, child))
            }
            Self::Has(_, selector) => tree.inside(at).any(|inner| selector.matches(tree, inner)),
        }
    }
}

impl Test {
    fn fits(self, there: &str, value: &str) -> bool {
        match self {
            Self::Exists => true,
            Self::Equals => there == value,
            Self::Word => there.split_ascii_whitespace().any(|word| word == value),
            Self::Dash => {
                let rest = there.strip_prefix(value);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            }
            Self::Starts => !value.is_empty() && there.starts_with(value),
            Self::Ends => !value.is_empty() && there.ends_with(value),
            Self::Contains => !value.is_empty() && there.contains(value),
        }
    }
}

impl Nth {
    fn fits(self, tree: &Tree, at: usize, name: &str) -> bool {
        let is_counted = |other: &usize| {
            !self.of_type || tree.element(*other).is_some_and(|element| element.name == name)
        };
        let place = 1 + match self.from_end {
            false => tree.before(at).filter(is_counted).count(),
            true => tree.after(at).filter(is_counted).count(),
        };
        let distance = i64::try_from(place).unwrap_or(i64::MAX) - self.b;
        match self.a {
            0 => distance == 0,
            a => distance % a == 0 && distance / a >= 0,
        }
    }
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn list(&mut self) -> Option<Selector> {
        let mut all = vec![self.complex()?];
        while self.take(",") {
            all.push(self.complex()?);
        }
        Some(Selector(all))
    }

    fn complex(&mut self) -> Option<Complex> {
        self.skip_space();
        let mut compounds = vec![(self.compound()?, Combinator::None)];
        loop {
            let had_space = self.skip_space();
            let combinator = match self.rest.chars().next() {
                Some('>') => Combinator::Child,
                Some('+') => Combinator::Next,
                Some('~') => Combinator::Later,
                None | Some(',' | ')') => break,
                Some(_) if had_space => Combinator::Descendant,
                Some(_) => return None,
            };
            if combinator != Combinator::Descendant {
                self.rest = &self.rest[1..];
                self.skip_space();
            }
            compounds.push((self.compound()?, combinator));
        }
        compounds.reverse();
        Some(Complex(compounds))
    }

    fn compound(&mut self) -> Option<Compound> {
        let mut compound = Compound::default();
        let is_any = self.take("*");
        if !is_any && let Some(tag) = self.name() {
            compound.tag = Some(tag.to_ascii_lowercase());
        }
        loop {
            let rule = match self.rest.chars().next() {
                Some('#') => self.after(1).name().map(Rule::Id)?,
                Some('.') => self.after(1).name().map(Rule::Class)?,
                Some('[') => self.after(1).attribute()?,
                Some(':') => self.after(1).pseudo()?,
                _ => break,
            };
            compound.rules.push(rule);
        }
        let is_something = is_any || compound.tag.is_some() || !compound.rules.is_empty();
        is_something.then_some(compound)
    }

    fn attribute(&mut self) -> Option<Rule> {
        self.skip_space();
        let name = self.name()?.to_ascii_lowercase();
        self.skip_space();
        let tests = [
            ("=", Test::Equals),
            ("~=", Test::Word),
            ("|=", Test::Dash),
            ("^=", Test::Starts),
            ("$=", Test::Ends),
            ("*=", Test::Contains),
        ];
        let test = tests.into_iter().find(|(sign, _)| self.take(sign));
        let Some((_, test)) = test else {
            let (value, ignores_case) = (String::new(), false);
            let rule = Rule::Attribute { name, test: Test::Exists, value, ignores_case };
            return self.take("]").then_some(rule);
        };
        self.skip_space();
        let value = self.string().or_else(|| self.name())?;
        self.skip_space();
        let ignores_case = self.take("i") || self.take("I");
        self.skip_space();
        self.take("]").then_some(Rule::Attribute { name, test, value, ignores_case })
    }

    fn pseudo(&mut self) -> Option<Rule> {
        let name = self.name()?.to_ascii_lowercase();
        let nth = |a, b, from_end, of_type| Rule::Nth(Nth { a, b, from_end, of_type });
        match name.as_str() {
            "first-child" => return Some(nth(0, 1, false, false)),
            "last-child" => return Some(nth(0, 1, true, false)),
            "first-of-type" => return Some(nth(0, 1, false, true)),
            "last-of-type" => return Some(nth(0, 1, true, true)),
            "empty" => return Some(Rule::Empty),
            _ => {}
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH || !self.take("(") {
            return None;
        }
        self.skip_space();
        let rule = match name.as_str() {
            "nth-child" => self.nth(false, false)?,
            "nth-last-child" => self.nth(true, false)?,
            "nth-of-type" => self.nth(false, true)?,
            "nth-last-of-type" => self.nth(true, true)?,
            "is" | "where" => Rule::Is(self.list()?),
            "not" => Rule::Not(self.list()?),
            "has" if self.take(">") => Rule::Has(Combinator::Child, self.list()?),
            "has" => Rule::Has(Combinator::Descendant, self.list()?),
            "contains" => Rule::Contains(self.string().or_else(|| self.until_bracket())?),
            _ => return None,
        };
        self.skip_space();
        self.depth -= 1;
        self.take(")").then_some(rule)
    }

    fn nth(&mut self, from_end: bool, of_type: bool) -> Option<Rule> {
        let text: String =
            self.until_bracket()?.chars().filter(|one| !one.is_whitespace()).collect();
        let (a, b) = match text.to_ascii_lowercase().as_str() {
            "odd" => (2, 1),
            "even" => (2, 0),
            formula => match formula.split_once('n') {
                None => (0, formula.parse().ok()?),
                Some((a, b)) => {
                    let a = match a {
                        "" | "+" => 1,
                        "-" => -1,
                        a => a.parse().ok()?,
                    };
                    (a, if b.is_empty() { 0 } else { b.parse().ok()? })
                }
            },
        };
        let (a, b): (i32, i32) = (a, b);
        let (a, b) = (i64::from(a), i64::from(b));
        Some(Rule::Nth(Nth { a, b, from_end, of_type }))
    }

    /// A name, in which a backslash stands before signs: `.w-1\/2`.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut characters = self.rest.char_indices();
        let end = loop {
            match characters.next() {
                Some((_, '\\')) => name.push(characters.next()?.1),
                Some((_, one))
                    if one.is_alphanumeric() || one == '-' || one == '_' || !one.is_ascii() =>
                {
                    name.push(one);
                }
                Some((at, _)) => break at,
                None => break self.rest.len(),
            }
        };
        self.rest = &self.rest[end..];
        (!name.is_empty()).then_some(name)
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.rest.chars().next().filter(|one| matches!(one, '"' | '\''))?;
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        loop {
            match characters.next()? {
                (_, '\\') => text.push(characters.next()?.1),
                (at, end) if end == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                (_, one) => text.push(one),
            }
        }
    }

    fn until_bracket(&mut self) -> Option<String> {
        let (text, _) = self.rest.split_once(')')?;
        let text = text.to_owned();
        self.rest = &self.rest[text.len()..];
        Some(text.trim().to_owned())
    }

    fn after(&mut self, bytes: usize) -> &mut Self {
        self.rest = &self.rest[bytes..];
        self
    }

    fn take(&mut self, sign: &str) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) -> bool {
        let rest = self.rest.trim_start();
        let skipped = rest.len() < self.rest.len();
        self.rest = rest;
        skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<div id=top class='a b'><p>one</p><p lang=en-US title='x y'>two</p>\
        <ul><li>1<li class=k>2<li>3<li>4</ul><span></span><a href='/x.PDF'>pdf</a></div>\
        <section><p>three</p></section>";

    /// Checks the texts of what the selector matches.
    fn check(css: &str, expected: &[&str]) {
        let tree = Tree::parse(PAGE).unwrap();
        let selector = Selector::parse(css).unwrap_or_else(|| panic!("{css}"));
        let found: Vec<String> = tree
            .elements()
            .filter(|at| selector.matches(&tree, *at))
            .map(|at| tree.text(at))
            .collect();
        assert_eq!(found, expected, "{css}");
    }

    #[test]
    fn selectors_match_as_in_browsers() {
        check("p", &["one", "two", "three"]);
        check("div > p, section p", &["one", "two", "three"]);
        check("div>p+p", &["two"]);
        check("p ~ ul > li.k", &["2"]);
        check("#top.a.b > P:first-child", &["one"]);
        check("*.k", &["2"]);
        check("[lang|=en]", &["two"]);
        check("[title~=y][title^='x ']", &["two"]);
        check("a[href$='.pdf' i]", &["pdf"]);
        check("a[href$='.pdf']", &[]);
        check("a[href*=x]", &["pdf"]);
        check("li:nth-child(2n+1)", &["1", "3"]);
        check("li:nth-child(even)", &["2", "4"]);
        check("li:nth-child(-n + 2)", &["1", "2"]);
        check("li:nth-last-child(1)", &["4"]);
        check("p:nth-of-type(2)", &["two"]);
        check("p:last-of-type", &["two", "three"]);
        check("li:not(.k, :first-child)", &["3", "4"]);
        check("span:empty", &[""]);
        check("p:contains(thr)", &["three"]);
        check("section:has(> p)", &["three"]);
        check("body > :has(.k) a", &["pdf"]);
        check("body > :is(section, nav)", &["three"]);
        check("html body p:not(div p)", &["three"]);
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        let deep = format!("{}p{}", ":not(".repeat(9), ")".repeat(9));
        let long = "p".repeat(MAX_LENGTH + 1);
        for wrong in [
            "",
            " ",
            "p..x",
            "[",
            "p[a",
            "p[a=]",
            ">p",
            "p >",
            "p,",
            "p:hover(",
            "p:unknown",
            "p)",
            "p:nth-child(x)",
            "p:nth-child(99999999999)",
            "p::before",
            "p{}",
            "p:not()",
            "p a=\"",
            &deep,
            &long,
        ] {
            assert!(Selector::parse(wrong).is_none(), "{wrong}");
        }
    }
}
