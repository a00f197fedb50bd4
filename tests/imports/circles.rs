//! Modules that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{code_of, declared_modules, module_of, paths, resolve, test_modules};

type Module = Vec<String>;

/// Each circle once, as its shortest round, in a sentence. A file imports another one by a path that leads into it, be it
/// behind `use` or not; what is compiled for tests only does not count.
pub fn circles(sources: &[(String, String)]) -> Vec<String> {
    let mut rounds = BTreeSet::new();
    let imports = imports(sources);
    for start in imports.keys() {
        if let Some(mut round) = round(start, &imports) {
            // It is the same one wherever it begins.
            let first = round.iter().enumerate().min_by_key(|(_, module)| *module).map_or(0, |(at, _)| at);
            round.rotate_left(first);
            rounds.insert(round);
        }
    }
    rounds.iter().map(|round| sentence(round)).collect()
}

/// The modules that each module imports.
fn imports(sources: &[(String, String)]) -> BTreeMap<Module, BTreeSet<Module>> {
    let tests: Vec<Module> = sources.iter().flat_map(|(file, source)| tests_of(file, source)).collect();
    let is_test = |module: &Module| tests.iter().any(|test| module.starts_with(test));
    let modules: BTreeSet<Module> =
        sources.iter().map(|(file, _)| module_of(file)).filter(|module| !is_test(module)).collect();
    let mut imports = BTreeMap::new();
    for (file, source) in sources {
        let module = module_of(file);
        if modules.contains(&module) {
            let imported = imported_by(&module, &code_of(source), &modules);
            imports.insert(module, imported);
        }
    }
    imports
}

/// The modules that a file declares for tests only.
pub fn tests_of(file: &str, source: &str) -> Vec<Module> {
    let module = module_of(file);
    test_modules(source).into_iter().map(|name| [module.clone(), vec![name]].concat()).collect()
}

fn imported_by(module: &Module, code: &str, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let children = declared_modules(code);
    let mut imported = BTreeSet::new();
    for path in paths(code) {
        let target = match path.first() {
            Some(first) if children.contains(first) => Some([module.clone(), path].concat()),
            _ => resolve(&path, module),
        };
        let Some(mut target) = target else { continue };
        while !target.is_empty() && !modules.contains(&target) {
            target.pop();
        }
        if target != *module {
            imported.insert(target);
        }
    }
    imported
}

/// The shortest way from a module back to it.
fn round(start: &Module, imports: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![start.clone()]]);
    while let Some(way) = ways.pop_front() {
        for next in way.last().and_then(|last| imports.get(last)).into_iter().flatten() {
            if next == start {
                return Some(way);
            }
            if seen.insert(next.clone()) {
                ways.push_back([way.clone(), vec![next.clone()]].concat());
            }
        }
    }
    None
}

fn sentence(round: &[Module]) -> String {
    let names: Vec<String> = round.iter().chain(round.first()).map(|module| module.join("::")).collect();
    format!("a circle: {}", names.join(" imports "))
}
