use super::*;

/// Istio's agent and Higress's. Successive calls on one agent; from the fourth on, the URL leads to another
/// module.
const ISTIO: &str = "
    sha256 | URL           | policy       | first   | same RV | new RV  | moved, same | moved, new | other
    no     | tag           | unset        | PMB old | - old   | - old   | - old       | - old      | - old
    no     | tag           | IfNotPresent | PMB old | - old   | - old   | - old       | - old      | - old
    no     | tag           | Always       | PMB old | - old   | PM old  | - old       | PMB new    | PM new
    no     | latest        | unset        | PMB old | - old   | PM old  | - old       | PMB new    | PM new
    no     | latest        | IfNotPresent | PMB old | - old   | - old   | - old       | - old      | - old
    no     | latest        | Always       | PMB old | - old   | PM old  | - old       | PMB new    | PM new
    no     | untagged      | unset        | PMB old | - old   | - old   | - old       | - old      | - old
    no     | untagged      | IfNotPresent | PMB old | - old   | - old   | - old       | - old      | - old
    no     | untagged      | Always       | PMB old | - old   | PM old  | - old       | PMB new    | PM new
    no     | digest        | unset        | PMB old | - old   | - old   | - old       | - old      | - old
    no     | digest        | IfNotPresent | PMB old | - old   | - old   | - old       | - old      | - old
    no     | digest        | Always       | PMB old | - old   | - old   | - old       | - old      | - old
    no     | latest@digest | unset        | PMB old | - old   | - old   | - old       | - old      | - old
    no     | latest@digest | IfNotPresent | PMB old | - old   | - old   | - old       | - old      | - old
    no     | latest@digest | Always       | PMB old | - old   | - old   | - old       | - old      | - old
    no     | http          | unset        | G old   | - old   | - old   | - old       | - old      | - old
    no     | http          | IfNotPresent | G old   | - old   | - old   | - old       | - old      | - old
    no     | http          | Always       | G old   | - old   | G old   | - old       | G new      | G new
    no     | http latest   | unset        | G old   | - old   | - old   | - old       | - old      | - old
    no     | http latest   | IfNotPresent | G old   | - old   | - old   | - old       | - old      | - old
    no     | http latest   | Always       | G old   | - old   | G old   | - old       | G new      | G new
    yes    | tag           | any          | PMB old | - old   | - old   | - old       | - old      | - old
    yes    | latest        | any          | PMB old | - old   | - old   | - old       | - old      | - old
    yes    | untagged      | any          | PMB old | - old   | - old   | - old       | - old      | - old
    yes    | digest        | any          | PMB old | - old   | - old   | - old       | - old      | - old
    yes    | latest@digest | any          | PMB old | - old   | - old   | - old       | - old      | - old
    yes    | http          | any          | G old   | - old   | - old   | - old       | - old      | - old
    yes    | http latest   | any          | G old   | - old   | - old   | - old       | - old      | - old
";

/// Where Envoy Gateway differs: no tag is `:latest`, and a manifest is always followed by its layer.
const ENVOY_GATEWAY: &str = "
    no     | tag           | Always       | PMB old | - old   | PMB old | - old       | PMB new    | PMB new
    no     | latest        | unset        | PMB old | - old   | PMB old | - old       | PMB new    | PMB new
    no     | latest        | Always       | PMB old | - old   | PMB old | - old       | PMB new    | PMB new
    no     | untagged      | unset        | PMB old | - old   | PMB old | - old       | PMB new    | PMB new
    no     | untagged      | Always       | PMB old | - old   | PMB old | - old       | PMB new    | PMB new
";

/// Where ours differs: no tag is `:latest`.
const OURS: &str = "
    no     | untagged      | unset        | PMB old | - old   | PM old  | - old       | PMB new    | PM new
";

/// What stands in a line before its cells.
type Case<'a> = (&'a str, &'a str, &'a str);

fn rows(table: &str) -> Vec<(Case<'_>, Vec<&str>)> {
    let lines = table.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let rows = lines.filter(|cells| cells.len() == 9 && cells[0] != "sha256");
    rows.map(|cells| ((cells[0], cells[1], cells[2]), cells[3..].to_vec())).collect()
}

fn url_of(form: &str) -> String {
    let digest = image("old").manifest;
    match form {
        "tag" => TAG.to_owned(),
        "latest" => "oci://reg.io/p:latest".to_owned(),
        "untagged" => "oci://reg.io/p".to_owned(),
        "digest" => format!("oci://reg.io/p@{digest}"),
        "latest@digest" => format!("oci://reg.io/p:latest@{digest}"),
        "http" => "https://h.io/p.wasm".to_owned(),
        "http latest" => "http://h.io/p:latest".to_owned(),
        other => panic!("no such form: {other}"),
    }
}

fn policies(word: &str) -> Vec<PullPolicy> {
    match word {
        "unset" => vec![PullPolicy::Unspecified],
        "any" => vec![PullPolicy::Unspecified, PullPolicy::IfNotPresent, PullPolicy::Always],
        other => vec![other.parse().unwrap()],
    }
}

/// The six calls, played.
fn play(flavour: Flavour, (sha256, form, _): Case<'_>, policy: PullPolicy) -> Vec<String> {
    let text = url_of(form);
    let old = image("old");
    let given = if form.starts_with("http") { old.content } else { old.manifest };
    let asked =
        |version| Pull { sha256: (sha256 == "yes").then(|| given.clone()), ..pull(&text, policy, version) };
    let mut simulation = Simulation::serving(flavour, &[&text], "old");
    let mut cells = vec![];
    cells.extend(["1", "1", "2"].map(|version| simulation.cell(&asked(version))));
    simulation.move_to(&text, "new");
    cells.extend(["2", "3"].map(|version| simulation.cell(&asked(version))));
    cells.push(simulation.cell(&of_b(asked("1"))));
    cells
}

fn assert_table(flavour: Flavour, differences: &str) {
    let differences = rows(differences);
    let measured = rows(ISTIO);
    assert_eq!(measured.len(), 7 * 3 + 7, "each form by policy, and with sha256");
    for (case, _) in &differences {
        assert!(measured.iter().any(|(known, _)| known == case), "no such row: {case:?}");
    }
    for (case, cells) in measured {
        let own = differences.iter().find(|(other, _)| *other == case).map(|(_, cells)| cells.clone());
        let expected = own.unwrap_or(cells);
        for policy in policies(case.2) {
            assert_eq!(play(flavour, case, policy), expected, "{flavour}, {case:?}, {policy}");
        }
    }
}

#[test]
fn istio_and_higress_ask_for_what_was_measured() {
    for flavour in ISTIOS {
        assert_table(flavour, "");
    }
}

#[test]
fn envoy_gateway_downloads_more_and_knows_latest_without_a_tag() {
    assert_table(Flavour::EnvoyGateway, ENVOY_GATEWAY);
}

#[test]
fn ours_asks_as_istio_does_but_for_urls_without_a_tag() {
    assert_table(Flavour::Ours, OURS);
}
