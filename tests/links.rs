//! Links in the pages that docs.rs and the registry show: none is relative, since those have no such file, and each one
//! into ntpark's own documentation leads to a page or an item that exists.

const PAGES: [(&str, &str); 7] = [
    ("README.md", include_str!("../README.md")),
    ("docs/faults.md", include_str!("../docs/faults.md")),
    ("docs/host.md", include_str!("../docs/host.md")),
    ("docs/parking-lot.md", include_str!("../docs/parking-lot.md")),
    ("docs/performance.md", include_str!("../docs/performance.md")),
    ("docs/protocols.md", include_str!("../docs/protocols.md")),
    ("docs/verification.md", include_str!("../docs/verification.md")),
];
const LIB: &str = include_str!("../src/lib.rs");
const GUIDE: &str = include_str!("../src/guide.rs");
const DOCUMENTATION: &str = "https://docs.rs/ntpark/latest/ntpark/";

/// Where each link of a page leads.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let inline = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let definitions =
        page.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ")).map(|(_, target)| target);
    inline.chain(definitions)
}

/// The anchors of a page's headings.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter_map(|line| line.strip_prefix('#'));
    headings.map(|heading| heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-")).collect()
}

/// Whether ntpark's documentation has a page of this address: `guide/NAME/index.html` or `struct.NAME.html`.
fn exists(address: &str) -> bool {
    match address.strip_prefix("guide/").and_then(|rest| rest.strip_suffix("/index.html")) {
        Some(name) => GUIDE.contains(&format!("pub mod {name} {{}}")),
        None => match address.strip_prefix("struct.").and_then(|rest| rest.strip_suffix(".html")) {
            Some(name) => LIB.split(|c: char| !c.is_alphanumeric()).any(|word| word == name),
            None => false,
        },
    }
}

#[test]
fn links_work_where_the_pages_are_shown() {
    for (name, page) in PAGES {
        for link in links(page) {
            let works = match (link.strip_prefix('#'), link.strip_prefix(DOCUMENTATION)) {
                (Some(anchor), _) => anchors(page).iter().any(|heading| heading == anchor),
                (None, Some(address)) => exists(address),
                // A path of an item, which rustdoc checks, on a page that the registry does not show.
                (None, None) => link.starts_with("https://") || (link.starts_with("crate::") && name != "README.md"),
            };
            assert!(works, "{name}: {link}");
        }
    }
}

#[test]
fn the_readme_has_links_to_every_page() {
    for page in GUIDE.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(" {}")) {
        let address = format!("{DOCUMENTATION}guide/{page}/index.html");
        assert!(links(PAGES[0].1).any(|link| link == address), "{page}");
    }
}
