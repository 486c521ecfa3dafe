//! What a `WasmPlugin` does in a gateway, as pure functions: which Istio resource Higress makes of it, which configuration
//! a request meets, where in the filter chain the plugin stands, and what is wrong with the file.
//!
//! Everything here was read from the gateways' and SDKs' sources; where they differ by version or language, a parameter says
//! which one is meant.

mod chain;
mod config;
mod conversion_warning;
mod convert;
mod delivery;
mod lint;
mod request_report;
mod rule_matcher;
mod settings;

pub use chain::{
    Chain, ChainReport, ConditionalFilter, Excluded, ExcludedReport, Exclusion, HttpFilter, Line, Link,
    LinkReport, TypedExtensionConfig, UnknownLine, Workload, config_text, ecds_resource,
};
pub use config::Config;
pub use conversion_warning::ConversionWarning;
pub use convert::{
    Conversion, ConversionReport, Converted, MATCH_DOMAIN, MATCH_ROUTE, MATCH_SERVICE, RULES, convert,
};
pub use delivery::{Delivered, Delivery};
pub use lint::{
    Finding, LintFile, LintInput, LintReport, LintRule, RuleSeverity, RuleSeverityError, Severity,
    UnknownLintRule, UnknownSeverity, lint,
};
pub use request_report::{FlavourChoice, Flavours, MatchResult, PluginReport, RequestReport};
pub use rule_matcher::{
    AcceptAny, AuthCheck, ConfigureError, ConfigureFailure, CredentialsRequired, DISABLE_KEY, Decision,
    Flavour, MatchKey, Outcome, PassedOver, PluginParser, Request, RuleBackup, RuleIsolation, RuleMatcher,
    RuleWarning, Trap, UnknownFlavour, WarningKind, without_matcher_keys,
};
pub use settings::{GatewaySelector, GatewaySelectorError, GatewaySettings, GrpcRouteNames};
