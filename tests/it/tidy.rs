//! The rules of the house: imports point down, and nothing grows past what one reads at a sitting.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The rooms from the top to the bottom; a room uses those behind it.
const ROOMS: [&str; 16] = [
    "main",
    "app",
    "http",
    "ws",
    "line",
    "wire",
    "domain",
    "push",
    "store",
    "admission",
    "telemetry",
    "lifecycle",
    "config",
    "error",
    "clock",
    "model",
];

/// The rooms that everyone may use, and that stand beside each other.
const GROUND: [&str; 3] = ["error", "clock", "model"];

/// What `domain/` never mentions: it knows no transport and no adapter.
const NOT_IN_DOMAIN: [&str; 5] = ["axum", "hyper", "fred", "scylla", "fjall"];

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;
const ARGUMENTS: usize = 5;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `folder` that `wanted` accepts, what git ignores left out.
fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !["target", ".git", "nexo-data", "node_modules", "corpus", "artifacts"].contains(&name) {
                found.extend(files(&path, wanted));
            }
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// A source file of `src/`.
struct Source {
    /// Its path below the repository, for messages.
    name: String,
    /// The room that it belongs to.
    room: String,
    text: String,
    syntax: syn::File,
}

/// The sources of the product.
fn sources() -> Vec<Source> {
    let sources: Vec<Source> = files(&root().join("src"), &is_rust).iter().map(|path| read(path)).collect();
    assert!(!sources.is_empty());
    sources
}

fn read(path: &Path) -> Source {
    let name = path.strip_prefix(root()).expect("a file of the repository").display().to_string();
    let text = fs::read_to_string(path).expect("a readable source");
    let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let below = name.trim_start_matches("src/").trim_end_matches(".rs");
    let room = below.split('/').next().expect("a room").to_owned();
    Source { name, room, text, syntax }
}

/// Whether code of `user` may name `used`.
fn may_use(user: &str, used: &str) -> bool {
    let place = |room: &str| ROOMS.iter().position(|&known| known == room);
    let (Some(from), Some(to)) = (place(user), place(used)) else { return false };
    let neighbours = [user, used].iter().all(|room| ["http", "ws"].contains(room)) && user != used;
    from <= to && !neighbours || GROUND.contains(&used)
}

/// Collects what a file breaks, and the rooms that its paths name.
#[derive(Default)]
struct Reader {
    /// Room and line of each `crate::room` or `nexo::room`.
    rooms: Vec<(String, usize)>,
    faults: Vec<String>,
    in_test: usize,
}

/// Whether attributes say that an item is compiled for tests only.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let tokens = quote_free(&attribute.meta);
        attribute.path().is_ident("test") || tokens.contains("cfg test") || tokens.ends_with("::test")
    })
}

/// The idents of an attribute, separated by spaces.
fn quote_free(meta: &syn::Meta) -> String {
    let path = meta.path().segments.iter().map(|part| part.ident.to_string()).collect::<Vec<_>>().join("::");
    match meta {
        syn::Meta::List(list) => format!("{path} {}", list.tokens),
        _ => path,
    }
}

impl Reader {
    fn function(&mut self, signature: &syn::Signature, whole: proc_macro2::Span) {
        let name = &signature.ident;
        let lines = whole.end().line - signature.span().start().line + 1;
        if lines > FUNCTION_LINES {
            self.faults.push(format!("line {}: fn {name} has {lines} lines", signature.span().start().line));
        }
        let arguments = signature.inputs.iter().filter(|input| matches!(input, syn::FnArg::Typed(_))).count();
        if arguments > ARGUMENTS {
            self.faults.push(format!("line {}: fn {name} has {arguments} arguments", signature.span().start().line));
        }
    }

    /// The rooms that a `use` tree names below `crate`.
    fn tree(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.rooms.push((path.ident.to_string(), path.ident.span().start().line)),
            syn::UseTree::Name(name) => self.rooms.push((name.ident.to_string(), name.ident.span().start().line)),
            syn::UseTree::Rename(name) => self.rooms.push((name.ident.to_string(), name.ident.span().start().line)),
            syn::UseTree::Glob(glob) => self.faults.push(format!("line {}: use crate::*", glob.span().start().line)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item)),
        }
    }

    /// Finds `crate::room` and `.unwrap()` in the tokens of a macro, which are no syntax yet.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.to_string() == text);
        for (at, token) in tokens.iter().enumerate() {
            let path = is(at, "crate") && is(at + 1, ":") && is(at + 2, ":");
            if let (true, Some(TokenTree::Ident(room))) = (path, tokens.get(at + 3)) {
                self.rooms.push((room.to_string(), room.span().start().line));
            }
            if self.in_test == 0 && is(at, ".") && is(at + 1, "unwrap") && is(at + 2, "()") {
                self.faults.push(format!("line {}: unwrap()", token.span().start().line));
            }
            if let TokenTree::Group(group) = token {
                self.tokens(group.stream());
            }
        }
    }

    fn inside(&mut self, attributes: &[syn::Attribute], visit: impl FnOnce(&mut Self)) {
        let test = usize::from(is_test(attributes));
        self.in_test += test;
        visit(self);
        self.in_test -= test;
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.inside(&item.attrs, |reader| visit::visit_item_mod(reader, item));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, item.block.span());
        self.inside(&item.attrs, |reader| visit::visit_item_fn(reader, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, item.block.span());
        self.inside(&item.attrs, |reader| visit::visit_impl_item_fn(reader, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.sig, item.span());
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("allow") || quote_free(&attribute.meta).contains("allow (") {
            self.faults.push(format!("line {}: allow, where expect with a reason says more", attribute.span().start().line));
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if self.in_test == 0 && call.method == "unwrap" && call.args.is_empty() {
            self.faults.push(format!("line {}: unwrap()", call.method.span().start().line));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if ["todo", "unimplemented", "dbg"].iter().any(|name| call.path.is_ident(name)) {
            self.faults.push(format!("line {}: todo!, unimplemented! or dbg!", call.span().start().line));
        }
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        match &item.tree {
            syn::UseTree::Path(path) if path.ident == "crate" || path.ident == "nexo" => self.tree(&path.tree),
            _ => {}
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut parts = path.segments.iter();
        let ours = parts.next().is_some_and(|first| first.ident == "crate" || first.ident == "nexo");
        if let (true, Some(room)) = (ours, parts.next()) {
            self.rooms.push((room.ident.to_string(), room.ident.span().start().line));
        }
        visit::visit_path(self, path);
    }
}

fn reader(source: &Source) -> Reader {
    let mut reader = Reader::default();
    reader.visit_file(&source.syntax);
    reader
}

/// Fails with all faults at once.
#[track_caller]
fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_file_of_the_product_is_in_a_known_room() {
    let strangers = sources().into_iter().filter(|source| source.room != "lib" && !ROOMS.contains(&source.room.as_str()));
    assert_none(strangers.map(|source| source.name).collect());
}

#[test]
fn imports_point_down() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.room != "lib") {
        for (room, line) in reader(source).rooms {
            // Every route is on one page, the WebSocket's too.
            let route = source.name == "src/http/mod.rs" && room == "ws";
            // What is at the root and is no room is a macro or a re-export of one.
            let is_room = ROOMS.contains(&room.as_str());
            if is_room && !route && !may_use(&source.room, &room) {
                faults.push(format!("{}:{line}: {} must not see {room}", source.name, source.room));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn the_domain_knows_no_transport_and_no_adapter() {
    let mut faults = Vec::new();
    for source in sources().into_iter().filter(|source| source.room == "domain") {
        let code = source.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        for (number, line) in code {
            for word in NOT_IN_DOMAIN.iter().filter(|word| line.contains(**word)) {
                faults.push(format!("{}:{}: {word}", source.name, number + 1));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn functions_are_short_and_nothing_is_left_open() {
    let faults = sources().into_iter().flat_map(|source| {
        let faults = reader(&source).faults;
        faults.into_iter().map(|fault| format!("{} {fault}", source.name)).collect::<Vec<_>>()
    });
    assert_none(faults.collect());
}

#[test]
fn files_are_short_and_begin_with_what_they_are() {
    let mut faults = Vec::new();
    for path in files(root(), &is_rust) {
        let text = fs::read_to_string(&path).expect("a readable source");
        let (name, lines) = (path.display(), text.lines().count());
        if lines > FILE_LINES {
            faults.push(format!("{name} has {lines} lines"));
        }
        if !text.starts_with("//! ") {
            faults.push(format!("{name} does not begin with a //! line"));
        }
    }
    assert_none(faults);
}

#[test]
fn no_text_names_a_place_on_one_machine() {
    let text = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let known = ["rs", "toml", "md", "sh", "yml", "yaml", "json", "lua", "cql", "lock"];
        name == "run" || path.extension().is_some_and(|extension| known.iter().any(|known| extension == *known))
    };
    // Written in parts, so that this file does not name them either.
    let places = ["work", "home", "root", "Users"].map(|folder| format!("/{folder}/"));
    let mut faults = Vec::new();
    for path in files(root(), &text) {
        let text = fs::read_to_string(&path).expect("a readable text");
        for (number, line) in text.lines().enumerate() {
            for place in places.iter().filter(|place| line.contains(place.as_str())) {
                faults.push(format!("{}:{}: {place}", path.display(), number + 1));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn the_reader_sees_what_it_should() {
    let text = r##"
        use crate::{ws::session, http::{self, auth}};
        use nexo::store as shelf;
        #[allow(dead_code)]
        fn long(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8) { todo!() }
        impl X { fn new(&self, a: u8, b: u8, c: u8, d: u8, e: u8) { Some("// .unwrap()").unwrap(); } }
        fn deep() -> crate::model::User { vec![crate::push::hub(), x.unwrap()] }
        #[cfg(test)]
        mod tests { fn free() { Some(1).unwrap(); } }
    "##;
    let mut reader = Reader::default();
    reader.visit_file(&syn::parse_file(text).expect("a source"));
    let rooms: Vec<&str> = reader.rooms.iter().map(|(room, _)| room.as_str()).collect();
    assert_eq!(rooms, ["ws", "http", "store", "model", "push"]);
    assert_eq!(reader.faults.len(), 5, "{:?}", reader.faults);
    assert!(may_use("http", "domain") && may_use("store", "model") && may_use("model", "error") && may_use("ws", "ws"));
    assert!(!may_use("domain", "http") && !may_use("ws", "http") && !may_use("http", "ws") && !may_use("store", "push"));
}
