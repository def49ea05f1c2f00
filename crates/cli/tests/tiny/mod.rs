/// A minute network on drawn identities.
pub const TINY: &str = r#"
[data]
source = { format = "synthetic", identities = 40, images = { law = "equal", images = 3 }, size_px = 16 }

[loader]
batch = 4

[backbone]
network = "compact"
width = 0.25
embedding = 16
height_px = 16
width_px = 16

[head]
pool = 12

[optimizer]
kind = "adamw"

[schedule]
decay = { kind = "cosine", floor = 0.0 }

[[evaluation]]
name = "unseen"
data = { source = { format = "synthetic", identities = 20, first_identity = 1000, size_px = 16 } }
protocol = { kind = "random_pairs", pairs = 40 }
"#;
