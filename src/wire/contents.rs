//! The contents of messages, as the API document has them. The rules that check them are in `domain/content.rs`: a content passes
//! through as it came, so that nothing ever builds one of these.

use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::schemas::ContentUrl;

/// What a message carries.
pub struct Content;

/// Declares the kinds that a content may be of. One that is of several is right too: further fields are kept as they are.
macro_rules! any_of {
    ($content:ident: $doc:literal, $($kind:ident),+) => {
        impl PartialSchema for $content {
            fn schema() -> RefOr<Schema> {
                let any = AnyOfBuilder::new().description(Some($doc));
                $(let any = any.item(Ref::from_schema_name($kind::name()));)+
                any.into()
            }
        }

        impl ToSchema for $content {
            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $(
                    schemas.push(($kind::name().into_owned(), $kind::schema()));
                    $kind::schemas(schemas);
                )+
            }
        }
    };
}

any_of! {
    Content: "What a message carries, by its `msg_type`; at most 16 KiB (`limits.content_bytes`) of valid Unicode and 127 levels deep. \
        Further fields are kept as they are.",
    TextContent, ImageContent, VideoContent, AudioContent, FileContent, CustomContent
}

/// `msg_type` 1.
#[derive(ToSchema)]
pub struct TextContent {
    /// The text, not empty.
    #[schema(min_length = 1, examples("Hello!"))]
    pub text: String,
}

/// `msg_type` 2.
#[derive(ToSchema)]
pub struct ImageContent {
    /// Where the image is.
    #[schema(value_type = ContentUrl)]
    pub image_url: String,
    /// Its width, in pixels.
    #[schema(value_type = f64, required = false, minimum = 0, examples(800))]
    pub image_width: Option<f64>,
    /// Its height, in pixels.
    #[schema(value_type = f64, required = false, minimum = 0, examples(600))]
    pub image_height: Option<f64>,
    /// Its size, in bytes.
    #[schema(value_type = f64, required = false, minimum = 0, examples(102400))]
    pub image_size: Option<f64>,
}

/// `msg_type` 3.
#[derive(ToSchema)]
pub struct VideoContent {
    /// Where the video is.
    #[schema(value_type = ContentUrl)]
    pub video_url: String,
    /// How long it takes, in seconds.
    #[schema(value_type = f64, required = false, minimum = 0, examples(120))]
    pub video_duration: Option<f64>,
    /// Its size, in bytes.
    #[schema(value_type = f64, required = false, minimum = 0, examples(10240000))]
    pub video_size: Option<f64>,
    /// Where a picture of it is.
    #[schema(value_type = ContentUrl, required = false)]
    pub thumbnail_url: Option<String>,
}

/// `msg_type` 4.
#[derive(ToSchema)]
pub struct AudioContent {
    /// Where the audio is.
    #[schema(value_type = ContentUrl)]
    pub audio_url: String,
    /// How long it takes, in seconds.
    #[schema(value_type = f64, required = false, minimum = 0, examples(60))]
    pub audio_duration: Option<f64>,
    /// Its size, in bytes.
    #[schema(value_type = f64, required = false, minimum = 0, examples(1024000))]
    pub audio_size: Option<f64>,
}

/// `msg_type` 5.
#[derive(ToSchema)]
pub struct FileContent {
    /// Where the file is.
    #[schema(value_type = ContentUrl)]
    pub file_url: String,
    /// What it is called.
    #[schema(value_type = String, required = false, examples("document.pdf"))]
    pub file_name: Option<String>,
    /// Its size, in bytes.
    #[schema(value_type = f64, required = false, minimum = 0, examples(2048000))]
    pub file_size: Option<f64>,
}

/// `msg_type` 100.
#[derive(ToSchema)]
pub struct CustomContent {
    /// What it is, in the client's words; not empty.
    #[schema(min_length = 1, examples("location"))]
    pub custom_type: String,
    /// What the client makes of it.
    #[schema(examples("{\"lat\":39.9,\"lng\":116.4}"))]
    pub custom_data: String,
}
