//! No file of a crate imports, by way of others, a file that imports it: what a file needs stands below it.
//!
//! The imports are read from the syntax of each file: `use` items, and paths that begin with `crate`, `super`, `self` or
//! the name of a module below. An import that a module only hands on (`pub use`) leads to the file that has the item.
//! Tests inside a file are left out.

#![allow(clippy::unwrap_used, reason = "every function here is a test or the tool of one")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use crate::architecture::{read, root};

/// Names of modules, from the root of the crate down.
type Module = Vec<String>;

/// Crates whose files still import each other in a circle, and in how many circles. A number may only become smaller.
const CIRCLES: &[(&str, usize)] = &[("bench", 1), ("local", 2), ("shared/store", 1), ("shared/web", 2)];

/// What a file says about modules.
#[derive(Debug, Default)]
struct File {
    /// Modules with a file of their own, declared here.
    children: BTreeSet<String>,
    /// Paths that are used here.
    paths: Vec<Vec<String>>,
    /// What is handed on, under which name: `pub use a::B as C` is `C` to `a::B`.
    handed_on: BTreeMap<String, Vec<String>>,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    let text = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string(),
        _ => String::new(),
    };
    attributes.iter().any(|attribute| text(attribute).contains("test"))
}

/// The paths of a `use` tree, each with the name that it gets.
fn leaves(tree: &syn::UseTree, above: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let below = |name: &syn::Ident| [above, &[name.to_string()]].concat();
    match tree {
        syn::UseTree::Path(path) => leaves(&path.tree, &below(&path.ident), found),
        syn::UseTree::Group(group) => group.items.iter().for_each(|item| leaves(item, above, found)),
        syn::UseTree::Name(name) if name.ident == "self" => {
            found.push((above.to_vec(), above.last().cloned().unwrap_or_default()));
        }
        syn::UseTree::Name(name) => found.push((below(&name.ident), name.ident.to_string())),
        syn::UseTree::Rename(rename) => found.push((below(&rename.ident), rename.rename.to_string())),
        syn::UseTree::Glob(_) => found.push((above.to_vec(), "*".to_owned())),
    }
}

impl<'ast> Visit<'ast> for File {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(one) => &one.attrs,
            syn::Item::Fn(one) => &one.attrs,
            syn::Item::Impl(one) => &one.attrs,
            syn::Item::Use(one) => &one.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.content.is_none() {
            self.children.insert(module.ident.to_string());
        }
        visit::visit_item_mod(self, module);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        leaves(&item.tree, &[], &mut found);
        for (path, name) in found {
            if !matches!(item.vis, syn::Visibility::Inherited) {
                self.handed_on.insert(name, path.clone());
            }
            self.paths.push(path);
        }
    }

    /// `pub(crate)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

/// The files of a crate, by module.
#[derive(Debug, Default)]
struct Crate(BTreeMap<Module, File>);

impl Crate {
    fn read(folder: &str) -> Crate {
        let source = Path::new(folder).join("src");
        let mut found = Crate::default();
        for name in ["lib.rs", "main.rs"] {
            if root().join(&source).join(name).exists() {
                found.add(Module::new(), &source.join(name), &source);
                break;
            }
        }
        found
    }

    fn add(&mut self, module: Module, path: &Path, below: &Path) {
        let mut file = File::default();
        file.visit_file(&syn::parse_file(&read(path)).unwrap());
        for child in &file.children {
            let places: [PathBuf; 2] = [below.join(format!("{child}.rs")), below.join(child).join("mod.rs")];
            if let Some(place) = places.iter().find(|place| root().join(place).exists()) {
                self.add([&module[..], std::slice::from_ref(child)].concat(), place, &below.join(child));
            }
        }
        self.0.insert(module, file);
    }

    /// The module whose file has what a path names, seen from `from`. `None` for what is of another crate.
    fn leads_to(&self, path: &[String], from: &[String], most: usize) -> Option<Module> {
        let first = path.first()?;
        let (mut at, mut rest) = match first.as_str() {
            "crate" => (Module::new(), &path[1..]),
            "self" => (from.to_vec(), &path[1..]),
            "super" => (from.to_vec(), path),
            name if self.0.get(from)?.children.contains(name) => (from.to_vec(), path),
            _ => return None,
        };
        while rest.first().is_some_and(|name| name == "super") {
            at.pop();
            rest = &rest[1..];
        }
        while let Some(name) = rest.first() {
            let below = [&at[..], std::slice::from_ref(name)].concat();
            if !self.0.contains_key(&below) {
                break;
            }
            (at, rest) = (below, &rest[1..]);
        }
        let further = rest.first().and_then(|name| self.0.get(&at)?.handed_on.get(name));
        match further {
            Some(path) if most > 0 => self.leads_to(path, &at, most - 1).or(Some(at)),
            _ => Some(at),
        }
    }

    fn imports(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let of = |module: &Module, file: &File| -> BTreeSet<Module> {
            let found = file.paths.iter().filter_map(|path| self.leads_to(path, module, 6));
            found.filter(|to| to != module).collect()
        };
        self.0.iter().map(|(module, file)| (module, of(module, file))).collect()
    }

    /// Modules that import each other in a circle, circle by circle.
    fn circles(&self) -> Vec<BTreeSet<Module>> {
        let imports = self.imports();
        let reached = |from: &Module| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(module) = open.pop() {
                open.extend(imports[&module].iter().filter(|to| seen.insert((*to).clone())).cloned());
            }
            seen
        };
        let all: BTreeMap<&Module, BTreeSet<Module>> =
            imports.keys().map(|module| (*module, reached(module))).collect();
        let mut circles = BTreeSet::new();
        for (module, reaches) in &all {
            let circle: BTreeSet<Module> =
                reaches.iter().filter(|other| all[other].contains(*module)).cloned().collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }
}

#[test]
fn files_of_a_crate_import_each_other_in_one_direction() {
    let mut folders = vec!["local".to_owned(), "bench".to_owned()];
    for above in ["shared", "functions"] {
        let entries = std::fs::read_dir(root().join(above)).unwrap();
        folders.extend(entries.map(|entry| format!("{above}/{}", entry.unwrap().file_name().display())));
    }
    let known: BTreeMap<&str, usize> = CIRCLES.iter().copied().collect();
    for folder in &folders {
        let circles = Crate::read(folder).circles();
        let allowed = known.get(folder.as_str()).copied().unwrap_or_default();
        assert_eq!(circles.len(), allowed, "{folder}: files import each other in a circle: {circles:?}");
    }
}

#[test]
fn circle_is_found_through_a_module_that_hands_an_item_on() {
    let file = |text: &str| {
        let mut file = File::default();
        file.visit_file(&syn::parse_file(text).unwrap());
        file
    };
    let module = |name: &str| name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let of = |files: &[(&str, &str)]| {
        Crate(files.iter().map(|(name, text)| (module(name), file(text))).collect()).circles().len()
    };
    let root = ("", "mod a; mod b; pub use a::A;");
    assert_eq!(of(&[root, ("a", "pub struct A;"), ("b", "use crate::A;")]), 0);
    assert_eq!(of(&[root, ("a", "pub struct A(crate::b::B);"), ("b", "use crate::A;")]), 1);
    let in_test = "pub struct A; #[cfg(test)] mod tests { use crate::b::B; }";
    assert_eq!(of(&[root, ("a", in_test), ("b", "use crate::A;")]), 0);
}
