//! The text of an HTML body, as a person reads it.
//!
//! Built on html5ever's tokenizer alone. No tree is kept, so a body of any depth takes memory for its text only, and
//! the time grows with its length.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use crate::line::plain_breaks;

/// Elements that begin and end on a line of their own.
const BLOCKS: [&str; 33] = [
    "address",
    "article",
    "aside",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "html",
    "legend",
    "main",
    "menu",
    "nav",
    "ol",
    "option",
    "section",
    "summary",
    "table",
    "tbody",
    "tfoot",
    "thead",
    "tr",
    "ul",
];
/// Blocks with an empty line before and after them.
const PARAGRAPHS: [&str; 9] = ["blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "p", "pre"];
/// Elements whose content is never shown. The tokenizer reads the content of the first group as characters.
const RAW: [&str; 6] = ["iframe", "noembed", "noframes", "script", "style", "title"];
const UNSEEN: [&str; 6] = ["audio", "canvas", "math", "svg", "template", "video"];
/// Elements without content and without an end tag.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];
/// The longest address of a link that is written behind its text, in bytes.
const LONGEST_LINK: usize = 2_000;
/// The deepest indentation of lists and quotes that is written.
const DEEPEST: usize = 10;
/// The most empty lines that are kept one after another.
const MOST_EMPTY: usize = 1;

/// The text of an HTML document: blocks on lines of their own, an empty line between paragraphs, list items with `-` or
/// their number, the cells of a row with tabs between them, quotes behind `> `, and the address of a link in angle
/// brackets behind its text. Styles, scripts and hidden elements leave nothing.
pub(crate) fn text_of_html(html: &str) -> String {
    let page = read(html, true);
    // A hidden element that never ends would hide all that follows it.
    let page =
        if page.hidden.as_ref().is_some_and(|hidden| hidden.by_style) { read(html, false) } else { page };
    page.into_text()
}

fn read(html: &str, hides: bool) -> Page {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(plain_breaks(html)));
    let reader =
        Tokenizer::new(Reader(RefCell::new(Page { hides, ..Page::default() })), TokenizerOpts::default());
    let _ = reader.feed(&input);
    reader.end();
    reader.sink.0.into_inner()
}

struct Reader(RefCell<Page>);

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => page.characters(&text),
            Token::TagToken(tag) => {
                match tag.kind {
                    TagKind::StartTag => page.start(&tag),
                    TagKind::EndTag => page.end(&tag.name),
                }
                if tag.kind == TagKind::StartTag {
                    return raw_kind(&tag.name).map_or(TokenSinkResult::Continue, TokenSinkResult::RawData);
                }
            }
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

/// How the HTML standard reads the content of elements in which a tag is no tag.
fn raw_kind(name: &str) -> Option<RawKind> {
    match name {
        "title" | "textarea" => Some(RawKind::Rcdata),
        "script" => Some(RawKind::ScriptData),
        "style" | "iframe" | "noembed" | "noframes" => Some(RawKind::Rawtext),
        _ => None,
    }
}

/// An element that shows nothing, until its end.
struct Hidden {
    name: String,
    /// Elements of the same name inside it that are open, and itself.
    open: usize,
    /// It is hidden by its attributes, not by its name.
    by_style: bool,
}

/// A link that is open.
struct Link {
    address: String,
    /// The text that was written since the link began.
    text: String,
}

/// A finished line.
struct Line {
    quotes: usize,
    text: String,
    /// It was written by the sender line by line, and stays as it is.
    is_literal: bool,
}

/// The document as far as it was read.
#[derive(Default)]
struct Page {
    /// Whether elements that are hidden by their attributes are left out.
    hides: bool,
    lines: Vec<Line>,
    /// The line that is being written; `None` before its first character.
    line: Option<String>,
    /// Line ends that stand before the next character: 1 ends the line, 2 leaves an empty one as well.
    breaks: usize,
    /// The open paragraph is a line of Outlook's.
    is_outlook_line: bool,
    /// White space before the next character.
    space: bool,
    /// A tab before the next character.
    tab: bool,
    /// The mark before the next character of a list item.
    marker: Option<String>,
    /// The open lists: the number of the next item, if they are numbered.
    lists: Vec<Option<i64>>,
    items: usize,
    quotes: usize,
    literal: usize,
    links: Vec<Link>,
    /// Where the row that is open began: the number of lines before it.
    row: Option<usize>,
    /// Nothing of the open cell is written yet.
    cell_begins: bool,
    hidden: Option<Hidden>,
}

impl Page {
    fn characters(&mut self, text: &str) {
        if self.hidden.is_some() {
            return;
        }
        for c in text.chars() {
            match c {
                '\n' if self.literal > 0 => self.end_line(),
                ' ' | '\t' | '\n' | '\r' | '\x0c' if self.literal == 0 => self.space = true,
                '\u{a0}' => self.write(' '),
                '\0' => {}
                c => self.write(c),
            }
        }
    }

    /// Writes one character behind everything that has to stand before it.
    fn write(&mut self, c: char) {
        self.begin();
        if let Some(line) = self.line.as_mut() {
            line.push(c);
        }
        if let Some(link) = self.links.last_mut() {
            link.text.push(c);
        }
    }

    fn write_all(&mut self, text: &str) {
        text.chars().for_each(|c| self.write(c));
    }

    fn begin(&mut self) {
        if self.breaks > 0 {
            if self.line.is_some() {
                self.end_line();
            }
            if self.breaks > 1 && self.lines.last().is_some_and(|line| !line.text.is_empty()) {
                let before = self.lines.last().map_or(0, |line| line.quotes);
                self.lines.push(Line {
                    quotes: before.min(self.quotes),
                    text: String::new(),
                    is_literal: false,
                });
            }
            self.breaks = 0;
        }
        let is_first = self.line.is_none();
        let indent = "  ".repeat(self.items.min(DEEPEST));
        let line = self.line.get_or_insert_with(String::new);
        if is_first {
            match self.marker.take() {
                Some(marker) => line.push_str(&format!("{}{marker}", indent.get(2..).unwrap_or_default())),
                None => line.push_str(&indent),
            }
        } else if self.tab {
            line.push('\t');
        } else if self.space {
            line.push(' ');
            if let Some(link) = self.links.last_mut() {
                link.text.push(' ');
            }
        }
        (self.space, self.tab, self.cell_begins) = (false, false, false);
    }

    fn end_line(&mut self) {
        let text = self.line.take().unwrap_or_default();
        self.lines.push(Line { quotes: self.quotes, text: shown(&text), is_literal: self.literal > 0 });
        (self.space, self.tab) = (false, false);
    }

    /// At least so many line ends stand before what follows.
    fn break_at_least(&mut self, breaks: usize) {
        // The first block of a cell stays on the line of its row.
        if !self.cell_begins {
            self.breaks = self.breaks.max(breaks);
        }
    }

    fn start(&mut self, tag: &Tag) {
        let name: &str = &tag.name;
        if let Some(hidden) = &mut self.hidden {
            if hidden.name == name && !tag.self_closing {
                hidden.open += 1;
            }
            return;
        }
        let by_style = self.hides && is_hidden(tag) && !VOID.contains(&name);
        if by_style || RAW.contains(&name) || (UNSEEN.contains(&name) && !tag.self_closing) {
            self.hidden = Some(Hidden { name: name.to_owned(), open: 1, by_style });
            return;
        }
        if name == "p" {
            self.is_outlook_line = is_outlook_line(tag);
        }
        self.break_at_least(self.breaks_at(name));
        match name {
            "br" => {
                self.flush_breaks();
                self.end_line();
            }
            "hr" => {
                self.breaks = self.breaks.max(1);
                self.write_all("---");
                self.breaks = 1;
            }
            "img" => self.image(tag),
            "a" => self.links.push(Link {
                address: attribute(tag, "href").unwrap_or_default().trim().to_owned(),
                text: String::new(),
            }),
            "ul" | "menu" | "dir" => self.lists.push(None),
            "ol" => {
                let start = attribute(tag, "start").and_then(|start| start.trim().parse().ok());
                self.lists.push(Some(start.unwrap_or(1)));
            }
            "li" => self.item(tag),
            "blockquote" => {
                self.flush_line();
                self.quotes += 1;
            }
            "pre" | "textarea" => {
                self.flush_line();
                self.literal += 1;
            }
            "tr" => {
                self.flush_line();
                self.row = Some(self.lines.len());
            }
            "td" | "th" => self.cell(),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if let Some(hidden) = &mut self.hidden {
            if hidden.name == name {
                hidden.open -= 1;
                if hidden.open == 0 {
                    self.hidden = None;
                }
            }
            return;
        }
        match name {
            "a" => self.link(),
            "ul" | "ol" | "menu" | "dir" => {
                self.lists.pop();
                self.items = self.items.min(self.lists.len());
                self.marker = None;
            }
            "li" => {
                self.items = self.items.min(self.lists.len().saturating_sub(1));
            }
            "blockquote" => {
                self.flush_line();
                self.quotes = self.quotes.saturating_sub(1);
            }
            "pre" | "textarea" => {
                self.flush_line();
                self.literal = self.literal.saturating_sub(1);
            }
            "tr" => self.row = None,
            "br" => self.end_line(),
            _ => {}
        }
        self.break_at_least(self.breaks_at(name));
    }

    /// The line ends before and after an element.
    fn breaks_at(&self, name: &str) -> usize {
        match name {
            "p" if self.is_outlook_line => 1,
            "li" => 1,
            _ if PARAGRAPHS.contains(&name) => 2,
            _ => usize::from(BLOCKS.contains(&name)),
        }
    }

    /// Ends the line that is being written, so that what follows has another indentation.
    fn flush_line(&mut self) {
        if self.line.is_some() {
            self.end_line();
        }
    }

    /// Ends the line before a line break of the sender, which may be an empty line itself.
    fn flush_breaks(&mut self) {
        if self.breaks > 0 {
            self.begin();
            self.line = self.line.take().filter(|line| !line.trim().is_empty());
        }
    }

    fn item(&mut self, tag: &Tag) {
        self.flush_line();
        self.items = self.lists.len().max(1);
        let value = attribute(tag, "value").and_then(|value| value.trim().parse().ok());
        self.marker = Some(match self.lists.last_mut() {
            Some(Some(next)) => {
                let number: i64 = value.unwrap_or(*next);
                *next = number.saturating_add(1);
                format!("{number}. ")
            }
            Some(None) | None => "- ".to_owned(),
        });
    }

    /// Cells stand side by side as long as each of them is one line.
    fn cell(&mut self) {
        let is_one_line = self.row == Some(self.lines.len());
        if is_one_line && self.line.is_some() {
            (self.breaks, self.tab) = (0, true);
        } else {
            self.breaks = self.breaks.max(1);
        }
        self.cell_begins = true;
    }

    fn image(&mut self, tag: &Tag) {
        if let Some(text) =
            attribute(tag, "alt").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            self.write_all(&text);
        }
    }

    /// Writes the address of a link behind its text, where the text does not say it.
    fn link(&mut self) {
        let Some(link) = self.links.pop() else { return };
        let text = link.text.trim().to_lowercase();
        let address = link.address;
        let bare = address.to_lowercase();
        let is_web = bare.starts_with("http://") || bare.starts_with("https://");
        let is_person = bare.starts_with("mailto:") || bare.starts_with("tel:");
        let says = match bare.split_once(':') {
            Some((_, rest)) => {
                rest.trim_start_matches('/').split('?').next().unwrap_or_default().trim_end_matches('/')
            }
            None => "",
        };
        let is_said = text.contains(says) && (is_person || !bare.contains('?') || text.contains(&bare));
        if text.is_empty()
            || says.is_empty()
            || is_said
            || address.len() > LONGEST_LINK
            || !(is_web || is_person)
        {
            return;
        }
        let shown = if is_web {
            address
        } else {
            address.split_once(':').map_or(String::new(), |(_, to)| to.to_owned())
        };
        let shown: String = shown.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        self.space = true;
        self.write_all(&format!("<{shown}>"));
    }

    fn into_text(mut self) -> String {
        self.flush_line();
        let mut text = String::new();
        let mut empty = 0;
        for line in self.lines {
            empty = if line.text.is_empty() && !line.is_literal { empty + 1 } else { 0 };
            if empty > MOST_EMPTY || (line.text.is_empty() && text.is_empty()) {
                continue;
            }
            let quotes = "> ".repeat(line.quotes.min(DEEPEST));
            text.push_str(format!("{quotes}{}", line.text).trim_end());
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// A line as it is kept: nothing behind its last letter, and nothing at all when it shows nothing.
fn shown(line: &str) -> String {
    let is_blank = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{2007}'
            )
    };
    if line.chars().all(is_blank) { String::new() } else { line.trim_end().to_owned() }
}

/// Outlook writes each line as a paragraph without a margin.
fn is_outlook_line(tag: &Tag) -> bool {
    let class = attribute(tag, "class").unwrap_or_default();
    class.contains("MsoNormal") || class.contains("MsoPlainText")
}

fn attribute<'t>(tag: &'t Tag, name: &str) -> Option<&'t str> {
    tag.attrs.iter().find(|attr| &*attr.name.local == name).map(|attr| &*attr.value)
}

fn is_hidden(tag: &Tag) -> bool {
    let style = attribute(tag, "style").unwrap_or_default();
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let hides = |rule: &str| rule == "display:none" || rule == "visibility:hidden" || rule == "mso-hide:all";
    attribute(tag, "hidden").is_some()
        || style.split(';').any(|rule| hides(rule.trim_end_matches("!important")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn reads(html: &str, text: &str) {
        assert_eq!(text_of_html(html), text, "{html}");
    }

    #[test]
    fn blocks_stand_on_lines_of_their_own() {
        reads("<div>Hi,</div><div>Thanks</div>", "Hi,\nThanks");
        reads("<div>Hi<div>there</div>you</div>", "Hi\nthere\nyou");
        reads("<p>One</p><p>Two</p>", "One\n\nTwo");
        reads("<h1>Title</h1>text<section>more</section>", "Title\n\ntext\nmore");
        reads("one <b>two</b><i> three</i>", "one two three");
        reads("a<span>b</span>c", "abc");
    }

    #[test]
    fn line_breaks_are_kept_and_white_space_is_folded() {
        reads("one<br>two<br/>three", "one\ntwo\nthree");
        reads("one<br><br>two", "one\n\ntwo");
        reads("<div>Hi<br></div><div>there</div>", "Hi\nthere");
        reads("<div>Hi</div><div><br></div><div>there</div>", "Hi\n\nthere");
        reads("  one\n\t two  ", "one two");
        reads("<p>one</p>\n\n<br><p>two</p>", "one\n\ntwo");
        reads("one&nbsp;&nbsp;two&amp;&lt;3&gt; &eacute;&#8364;", "one  two&<3> é€");
    }

    #[test]
    fn cells_of_a_row_are_apart() {
        reads(
            "<table><tr><td>Name</td><td>Ann</td></tr><tr><td>Age</td><td>7</td></tr></table>",
            "Name\tAnn\nAge\t7",
        );
        reads("<td>Name</td><td>Ann</td>", "Name\nAnn");
        reads("<tr><th>a</th><td><div>b</div></td><td><p>c</p></td></tr>after", "a\tb\tc\n\nafter");
        reads("<table><tr><td>only</td></tr></table>x", "only\nx");
        reads("<table><tr><td><table><tr><td>in</td></tr></table></td></tr></table>", "in");
    }

    #[test]
    fn lists_have_their_marks() {
        reads("<ul><li>one<li>two</ul>after", "- one\n- two\nafter");
        reads("<ol start=3><li>one</li><li value=9>two</li><li>three</li></ol>", "3. one\n9. two\n10. three");
        reads("<ul><li>one<ul><li>inner</li></ul></li><li>two</li></ul>", "- one\n  - inner\n- two");
        reads("<ul><li><p>one</p><p>more</p></li></ul>", "- one\n\n  more");
        reads("<dl><dt>term</dt><dd>what</dd></dl>", "term\nwhat");
    }

    #[test]
    fn quotes_stand_behind_their_mark() {
        reads("Yes<blockquote>Does ten<br>work?</blockquote>", "Yes\n\n> Does ten\n> work?");
        reads("<blockquote>a<blockquote>b</blockquote></blockquote>c", "> a\n>\n> > b\n\nc");
    }

    #[test]
    fn preformatted_text_keeps_its_lines() {
        reads("<pre>a\n  b\n\n\n\nc</pre>d", "a\n  b\n\n\n\nc\n\nd");
        reads("<pre>a\r\n<b>b</b>\r\n</pre>", "a\nb");
    }

    #[test]
    fn links_say_where_they_lead() {
        reads(
            "<a href=\"https://x.example/a?b=1&amp;c=2\">Book</a> now",
            "Book <https://x.example/a?b=1&c=2> now",
        );
        reads("<a href='https://x.example/'>x.example</a>", "x.example");
        reads("<a href='https://x.example/a'>https://x.example/a</a>", "https://x.example/a");
        reads("<a href='mailto:ann@x.example?subject=Hi'>ann@x.example</a>", "ann@x.example");
        reads("<a href='mailto:ann@x.example'>Ann</a>", "Ann <ann@x.example>");
        reads("<a href='javascript:alert(1)'>a</a><a href='#top'>b</a><a name=c>c</a>", "abc");
        reads("<a href='https://x.example/logo'><img src=x></a>text", "text");
        reads(
            "<a href='https://x.example/shop'><img src=x alt='Our  shop'></a>",
            "Our shop <https://x.example/shop>",
        );
    }

    #[test]
    fn nothing_of_styles_scripts_and_hidden_elements_is_read() {
        reads("<style type=\"text/css\">p{}</style>a", "a");
        reads("<head><title>T</title><style>p > a {}</style></head><body>b</body>", "b");
        reads("<script>if (a < b) document.write('<p>x</p>')</script>c", "c");
        reads("<!-- d --><!--[if mso]><p>x</p><![endif]-->d", "d");
        reads("<div style='color:red; DISPLAY : none !important'>pre<div>x</div>header</div>e", "e");
        reads("<span hidden>x</span>f<template><p>x</p></template>", "f");
        reads("<svg><text>x</text></svg>g<svg/>h", "gh");
        reads("<div style='display:none'>never closed<p>i</p>", "never closed\n\ni");
        reads("<style>a{}</style><STYLE>b{}</STYLE >j", "j");
    }

    #[test]
    fn outlook_writes_lines_as_paragraphs() {
        let html = "<p class=MsoNormal>Hi,<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>Bye</p>";
        reads(html, "Hi,\n\nBye");
        reads("<p class=MsoNormal>one</p>\n<p class=MsoNormal>two</p><p>three</p>", "one\ntwo\n\nthree");
    }

    #[test]
    fn text_without_tags_and_broken_tags_stays() {
        reads("1 < 2 and 3 > 2", "1 < 2 and 3 > 2");
        reads("a</div></td></ul></a></blockquote></pre>b", "a\n\nb");
        reads("<p>one<p>two", "one\n\ntwo");
        reads("", "");
        reads("<div", "");
    }

    #[test]
    fn a_deep_document_is_read_to_its_end() {
        let deep = format!("{}deep{}", "<div><blockquote><ul><li>".repeat(20_000), "</div>".repeat(20_000));
        assert!(text_of_html(&deep).ends_with("- deep"));
    }

    proptest! {
        #[test]
        fn words_in_blocks_come_out_in_their_order(words in prop::collection::vec("[a-z]{1,8}", 1..20)) {
            for element in ["p", "div", "li", "td", "h2", "blockquote", "pre", "span"] {
                let html: String = words.iter().map(|word| format!("<{element}>{word}</{element}> ")).collect();
                let text = text_of_html(&html);
                let read: Vec<&str> = text.split(|c: char| !c.is_ascii_lowercase()).filter(|word| !word.is_empty()).collect();
                prop_assert_eq!(&read, &words.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }

        #[test]
        fn any_characters_are_read_without_panic(html in "(<[/a-z]{0,4}[^>]{0,3}>?|[ -~é\u{0}\n]{0,5}){0,40}") {
            let _ = text_of_html(&html);
        }
    }
}
