use std::error::Error;
use std::fmt::{Display, Formatter, Result};

/// An error with its causes in one line, for people: `cannot read a.png: permission denied`.
///
/// An error of these crates says what failed; why is in its `source()`. Errors of other crates often repeat their cause in their own
/// text: what has been said is not said again.
#[derive(Debug, Clone, Copy)]
pub struct ErrorChain<'a>(pub &'a (dyn Error + 'static));

impl Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !said.contains(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn chain(texts: &[&'static str]) -> Link {
        let source = (texts.len() > 1).then(|| Box::new(chain(&texts[1..])));
        Link {
            text: texts[0],
            source,
        }
    }

    #[test]
    fn each_cause_is_said_once() {
        for (texts, line) in [
            (&["cannot read a"][..], "cannot read a"),
            (&["cannot read a", "denied"], "cannot read a: denied"),
            (
                &["cannot read a: denied", "denied"],
                "cannot read a: denied",
            ),
            (&["a", "b: c", "c", "d"], "a: b: c: d"),
        ] {
            assert_eq!(ErrorChain(&chain(texts)).to_string(), line);
        }
    }
}
