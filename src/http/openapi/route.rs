//! One route of the document, put together from what it has.

use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Ref, RefOr, Required, Schema};

use super::answers::{self, Failure};
use crate::error::Code;
use crate::http::reply;

type Schemas = Vec<(String, RefOr<Schema>)>;

/// A route as the document has it.
pub(super) struct Described {
    pub(super) path: &'static str,
    pub(super) method: HttpMethod,
    pub(super) operation: Operation,
    /// The schemas that it refers to.
    pub(super) schemas: Schemas,
}

/// A route that answers with the envelope. It takes a token unless it is said to be public.
pub(super) struct Route {
    path: &'static str,
    method: HttpMethod,
    summary: &'static str,
    notes: &'static str,
    public: bool,
    parameters: Vec<Parameter>,
    body: Option<Ref>,
    data: RefOr<Schema>,
    codes: Vec<Code>,
    headers: Vec<(String, Ref)>,
    limited: bool,
    schemas: Schemas,
}

/// A route by its method and path.
pub(super) fn route(method: HttpMethod, path: &'static str, summary: &'static str) -> Route {
    Route {
        path,
        method,
        summary,
        notes: "",
        public: false,
        parameters: Vec::new(),
        body: None,
        data: answers::null().into(),
        codes: Vec::new(),
        headers: Vec::new(),
        limited: false,
        schemas: Vec::new(),
    }
}

impl Route {
    /// What else there is to know.
    pub(super) fn notes(self, notes: &'static str) -> Self {
        Self { notes, ..self }
    }

    /// It needs no token.
    pub(super) fn public(self) -> Self {
        Self { public: true, ..self }
    }

    /// A limit may refuse it.
    pub(super) fn limited(self) -> Self {
        Self { limited: true, ..self }
    }

    /// It takes this body. Bodies are open: unknown fields are ignored.
    pub(super) fn body<T: ToSchema>(mut self) -> Self {
        self.body = Some(refer::<T>(&mut self.schemas, Openness::Open));
        self
    }

    /// It takes this parameter in its query.
    pub(super) fn query<T: ToSchema>(mut self, name: &str, required: Required, what: &str) -> Self {
        let schema = refer::<T>(&mut self.schemas, Openness::Open);
        self.parameters.push(parameter(name, ParameterIn::Query, required, (what, schema.into())));
        self
    }

    /// It takes this parameter in its path.
    pub(super) fn in_path<T: ToSchema>(mut self, name: &str, what: &str) -> Self {
        let schema = refer::<T>(&mut self.schemas, Openness::Open);
        self.parameters.push(parameter(name, ParameterIn::Path, Required::True, (what, schema.into())));
        self
    }

    /// It answers this. Answers are closed: they have no other fields.
    pub(super) fn answers<T: ToSchema>(mut self) -> Self {
        self.data = refer::<T>(&mut self.schemas, Openness::Closed).into();
        self
    }

    /// It answers pages of these.
    pub(super) fn answers_pages<T: ToSchema>(mut self) -> Self {
        let item = refer::<T>(&mut self.schemas, Openness::Closed);
        self.data = ArrayBuilder::new().items(item).into();
        self.headers.push((reply::NEXT_CURSOR.to_string(), answers::header(answers::NEXT_CURSOR)));
        self
    }

    /// A success says how the caller stands with its limit.
    pub(super) fn tells_standing(mut self) -> Self {
        self.headers.push(("RateLimit-Policy".to_owned(), answers::header(answers::RATE_LIMIT_POLICY)));
        self.headers.push(("RateLimit".to_owned(), answers::header(answers::RATE_LIMIT)));
        self
    }

    /// It refuses with these codes, besides those of what it takes.
    pub(super) fn codes(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// The codes that it answers with HTTP 200, in order.
    fn refusals(&self) -> Vec<Code> {
        let mut codes = self.codes.clone();
        if self.body.is_some() || self.parameters.iter().any(|parameter| parameter.parameter_in == ParameterIn::Query) {
            codes.push(Code::InvalidParameter);
        }
        if !self.public {
            codes.extend([Code::TokenInvalid, Code::TokenExpired, Code::TokenMissing]);
        }
        codes.sort_by_key(|code| code.number());
        codes
    }

    /// The route as the document has it.
    pub(super) fn describe(self, tag: &str) -> Described {
        let codes = self.refusals();
        let what = match codes.is_empty() {
            true => "Success.".to_owned(),
            false => format!("Success, with `code` 0; or a refusal:\n{}", answers::list(&codes)),
        };
        let mut success = answers::respond(what, answers::envelope(self.data, &codes));
        for (name, header) in self.headers {
            success = success.header_ref(name, header);
        }
        let mut failures = vec![Failure::Fault, Failure::Unavailable];
        if self.body.is_some() {
            failures.extend([Failure::TooSlow, Failure::TooLarge, Failure::NotJson]);
        }
        if self.limited {
            failures.push(Failure::TooMany);
        }
        let mut operation = operation(self.path, tag, (self.summary, self.notes)).response("200", success);
        for failure in failures {
            operation = operation.response(failure.status(), failure.reference());
        }
        for parameter in self.parameters {
            operation = operation.parameter(parameter);
        }
        if let Some(body) = self.body {
            let body = RequestBodyBuilder::new().content("application/json", Content::new(Some(body)));
            operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
        }
        if self.public {
            operation = operation.securities(Some::<[SecurityRequirement; 0]>([]));
        }
        Described { path: self.path, method: self.method, operation: operation.build(), schemas: self.schemas }
    }
}

/// An operation, named after its path.
pub(super) fn operation(path: &str, tag: &str, (summary, notes): (&str, &str)) -> OperationBuilder {
    let words = path.split('/').filter(|word| !word.is_empty() && !word.starts_with('{'));
    let id = words.collect::<Vec<_>>().join("_").replace('.', "_");
    let description = if notes.is_empty() { summary.to_owned() } else { format!("{summary}\n\n{notes}") };
    let summary = summary.trim_end_matches('.');
    OperationBuilder::new().tag(tag).operation_id(Some(id)).summary(Some(summary)).description(Some(description))
}

/// A parameter with what it is and what it holds.
pub(super) fn parameter(
    name: &str,
    place: ParameterIn,
    required: Required,
    (what, schema): (&str, RefOr<Schema>),
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(what))
        .schema(Some(schema))
        .build()
}

/// Whether an object may have fields that its schema does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Openness {
    Open,
    Closed,
}

/// A reference to the schema of `T`, which is kept with all that it refers to.
fn refer<T: ToSchema>(schemas: &mut Schemas, openness: Openness) -> Ref {
    let mut found = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut found);
    for (name, mut schema) in found {
        // Contents are free, wherever they stand.
        if let (Openness::Closed, false, RefOr::T(Schema::Object(object))) =
            (openness, name.ends_with("Content"), &mut schema)
            && !object.properties.is_empty()
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        schemas.push((name, schema));
    }
    Ref::from_schema_name(T::name())
}
