//! A watermark as clients ask for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus_schema::request::watermark::{
    MARGIN_PERCENT_DEFAULT, Mark, OPACITY_PERCENT_DEFAULT, PNG_BYTES_MAX, PNG_PIXELS_MAX, Position,
    Refusal, WIDTH_PERCENT_DEFAULT, Watermark,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{refused, sentence};
use crate::problem::{Code, Problem};

/// What a PNG begins with, up to its width (W3C PNG, sections 5.2 and 11.2.2).
const PNG_HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// A mark over the picture of every rendition: either `text` or `image`.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::edge) struct WatermarkBody {
    /// One line of up to 64 letters, drawn in white with a dark edge.
    text: Option<String>,
    /// A PNG of up to 24 KiB and 2048 x 2048 pixels, in base64.
    image: Option<String>,
    /// `top-left`, `top-right`, `bottom-left`, `bottom-right` (the default) or `center`.
    position: Option<String>,
    /// Its width in percent of the picture's, 1 to 100; 15 by default.
    width_percent: Option<u64>,
    /// 1 to 100, which is the default.
    opacity_percent: Option<u64>,
    /// Distance from the borders in percent of the picture's width, 0 to 40; 2 by default.
    margin_percent: Option<u64>,
}

impl WatermarkBody {
    /// The watermark; its image is looked at no further than its size.
    pub(super) fn check(self) -> Result<Watermark, Problem> {
        let mark = match (self.text, self.image) {
            (Some(line), None) => Mark::Text { line },
            (None, Some(base64)) => Mark::Png { base64 },
            (None, None) | (Some(_), Some(_)) => {
                let detail = "A watermark is either `text` or `image`: send one of the two.";
                return Err(refused(Code::InvalidWatermark, detail));
            }
        };
        let percent = |asked: Option<u64>, default: u8, refusal: Refusal| {
            u8::try_from(asked.unwrap_or_else(|| u64::from(default))).map_err(|_| refusal)
        };
        let watermark = || {
            let watermark = Watermark {
                mark,
                position: self
                    .position
                    .map_or_else(|| Ok(Position::default()), |at| at.parse())?,
                width_percent: percent(self.width_percent, WIDTH_PERCENT_DEFAULT, Refusal::Width)?,
                opacity_percent: percent(
                    self.opacity_percent,
                    OPACITY_PERCENT_DEFAULT,
                    Refusal::Opacity,
                )?,
                margin_percent: percent(
                    self.margin_percent,
                    MARGIN_PERCENT_DEFAULT,
                    Refusal::Margin,
                )?,
            };
            watermark.check()?;
            if let Mark::Png { base64 } = &watermark.mark {
                check_png(base64)?;
            }
            Ok(watermark)
        };
        watermark().map_err(|refusal: Refusal| {
            refused(Code::InvalidWatermark, sentence(&refusal.to_string()))
        })
    }
}

/// What the first bytes tell. All of it is read by the task alone, where strangers' bytes belong.
fn check_png(base64: &str) -> Result<(), Refusal> {
    let bytes = STANDARD.decode(base64).map_err(|_| Refusal::Size)?;
    let sides = bytes.strip_prefix(PNG_HEAD).and_then(|rest| {
        let side = |at: usize| Some(u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?));
        Some([side(0)?, side(4)?])
    });
    let fits = |side: &u32| (1..=PNG_PIXELS_MAX).contains(side);
    match sides {
        None => Err(Refusal::Size),
        Some(_) if bytes.len() > PNG_BYTES_MAX => Err(Refusal::Size),
        Some(sides) if !sides.iter().all(fits) => Err(Refusal::Pixels),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(json: &str) -> WatermarkBody {
        serde_json::from_str(json).unwrap()
    }

    fn png(width: u32, height: u32) -> String {
        let mut bytes = PNG_HEAD.to_vec();
        bytes.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
        STANDARD.encode(bytes)
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let watermark = body(r#"{"text": "© me"}"#).check().unwrap();
        let expected = Watermark {
            mark: Mark::Text {
                line: "© me".to_owned(),
            },
            position: Position::BottomRight,
            width_percent: 15,
            opacity_percent: 100,
            margin_percent: 2,
        };
        assert_eq!(watermark, expected);
        let image = format!(
            r#"{{"image": "{}", "position": "top-left", "width_percent": 100, "opacity_percent": 1, "margin_percent": 0}}"#,
            png(PNG_PIXELS_MAX, 1)
        );
        let watermark = body(&image).check().unwrap();
        assert_eq!(
            (watermark.position, watermark.width_percent),
            (Position::TopLeft, 100)
        );
    }

    #[test]
    fn each_mistake_is_named() {
        let image = |base64: &str| format!(r#"{{"image": "{base64}"}}"#);
        for (json, named) in [
            ("{}", "either"),
            (r#"{"text": "a", "image": "b"}"#, "either"),
            (r#"{"text": "日本"}"#, "日"),
            (r#"{"text": ""}"#, "1 to 64"),
            (r#"{"text": "a", "position": "middle"}"#, "top-left"),
            (r#"{"text": "a", "width_percent": 0}"#, "width"),
            (r#"{"text": "a", "width_percent": 1000}"#, "width"),
            (r#"{"text": "a", "opacity_percent": 101}"#, "opacity"),
            (r#"{"text": "a", "margin_percent": 41}"#, "margin"),
            (&image("no base64!"), "PNG"),
            (&image(&STANDARD.encode(b"\xff\xd8\xff")), "PNG"),
            (&image(&png(PNG_PIXELS_MAX + 1, 1)), "2048"),
            (&image(&png(0, 1)), "2048"),
        ] {
            let problem = body(json).check().unwrap_err();
            assert_eq!(problem.code, Code::InvalidWatermark, "{json}");
            assert!(problem.detail.contains(named), "{json}: {}", problem.detail);
        }
        assert!(serde_json::from_str::<WatermarkBody>(r#"{"txt": "a"}"#).is_err());
    }
}
