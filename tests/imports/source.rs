//! Reads from a source file which paths it names.

use std::iter::Peekable;

const FOR_TESTS: &str = "#[cfg(test)]\nmod ";

/// The code of a file: without comments, strings, and modules that are compiled for tests only.
pub fn code_of(source: &str) -> String {
    without_tests(&plain(source))
}

/// The files that a file declares for tests only.
pub fn test_modules(source: &str) -> Vec<String> {
    let code = plain(source);
    let declared = code.split(FOR_TESTS).skip(1).filter_map(|item| item.split_once([';', '{']));
    let files = declared.filter(|(name, _)| name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    files.map(|(name, _)| name.to_owned()).collect()
}

/// All files that code declares.
pub fn declared_modules(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let declared = tokens.windows(3).filter(|tokens| tokens[0] == "mod" && tokens[2] == ";");
    declared.map(|tokens| tokens[1].to_owned()).collect()
}

/// `src/session/login.rs` is `session::login`, `adapters/mod.rs` is `adapters`, `src/lib.rs` is the root.
pub fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_start_matches("src/");
    path.split('/').filter(|segment| !["mod", "lib"].contains(segment)).map(str::to_owned).collect()
}

/// The path from the crate's root, if it is one of this crate that says so.
pub fn resolve(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => return None,
    };
    for segment in path {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => drop(base.pop()),
            _ => base.push(segment.clone()),
        }
    }
    Some(base)
}

/// All paths of at least two segments, those in braces each for itself. Who may see an item is none.
pub fn paths(code: &str) -> Vec<Vec<String>> {
    let tokens: Vec<&str> = tokens(code);
    let mut paths = Vec::new();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        if token == "pub" && rest.next_if_eq(&"(").is_some() {
            let _ = rest.find(|token| *token == ")");
            continue;
        }
        if is_identifier(token) && rest.peek() == Some(&"::") {
            read_path(&mut vec![token.to_owned()], &mut rest, &mut paths);
            // A macro of the crate stands in its root, wherever it was written.
            let is_macro = token == "crate" && rest.peek() == Some(&"!");
            paths.pop_if(|path| is_macro && path.len() == 2);
        }
    }
    paths
}

fn read_path<'a>(
    prefix: &mut Vec<String>,
    rest: &mut Peekable<impl Iterator<Item = &'a str>>,
    paths: &mut Vec<Vec<String>>,
) {
    let length = prefix.len();
    while rest.next_if_eq(&"::").is_some() {
        match rest.peek() {
            Some(token) if is_identifier(token) => prefix.extend(rest.next().map(str::to_owned)),
            Some(&"{") => {
                rest.next();
                while let Some(token) = rest.next_if(|token| *token != "}") {
                    if is_identifier(token) {
                        prefix.push(token.to_owned());
                        read_path(prefix, rest, paths);
                        prefix.pop();
                    }
                }
                rest.next();
                prefix.truncate(length);
                return;
            }
            _ => break, // a glob or a turbofish
        }
    }
    paths.push(prefix.clone());
    prefix.truncate(length);
}

fn is_identifier(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

pub fn identifiers(code: &str) -> impl Iterator<Item = &str> {
    // A module is declared by its name without being used.
    let declared = |tokens: &[&str], at: usize| at > 0 && tokens[at - 1] == "mod";
    let tokens = tokens(code);
    let kept: Vec<&str> = (0..tokens.len())
        .filter(|&at| is_identifier(tokens[at]) && !declared(&tokens, at))
        .map(|at| tokens[at])
        .collect();
    kept.into_iter()
}

/// Identifiers, `::`, and every other character for itself.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if word > 0 {
            word
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, behind) = rest.split_at(length);
        tokens.push(token);
        rest = behind.trim_start();
    }
    tokens
}

/// Code without comments and strings, whose tests are for all systems.
fn plain(source: &str) -> String {
    const FOR_SOME: &str = "#[cfg(all(test, ";
    let code = without_comments_and_strings(source);
    let mut parts = code.split(FOR_SOME);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str("#[cfg(test)]");
        plain.push_str(part.split_once(']').map_or("", |(_, behind)| behind));
    }
    plain
}

/// The same without what is compiled for tests only, which may use what it likes.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some((before, behind)) = rest.split_once(FOR_TESTS) {
        kept.push_str(before);
        rest = &behind[length_of_item(behind)..];
    }
    kept + rest
}

/// Up to the semicolon or the closing brace that ends an item.
fn length_of_item(code: &str) -> usize {
    let mut depth = 0;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(character, ';' | '}') {
            return at + 1;
        }
    }
    code.len()
}

fn without_comments_and_strings(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_after_word = code.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let skipped = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest, 1),
            'r' if !is_after_word || code.ends_with('b') => raw_string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped > 0 {
            rest = &rest[skipped..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn string(text: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(start) {
        match character {
            '"' if !escaped => return at + 1,
            _ => escaped = character == '\\' && !escaped,
        }
    }
    text.len()
}

/// The length of `r"…"` or `r#"…"#`; 0 if it is only a word that begins with an r.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    text[2 + hashes..].find(&end).map_or(text.len(), |at| 2 + hashes + at + end.len())
}

/// The length of a character literal; 0 if it is a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            let _ = characters.next();
            characters.find(|(_, character)| *character == '\'').map_or(0, |(at, _)| at + 1)
        }
        Some(_) => characters.next().filter(|(_, character)| *character == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}
