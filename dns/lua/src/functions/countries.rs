//! The two-letter codes of countries (ISO 3166-1), and what is written in their place.

/// All codes that are assigned, and XK, by which geography databases mean Kosovo.
const CODES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE \
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM \
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC \
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA \
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// Whether a country has this code, in either case.
pub(super) fn is_country(code: &str) -> bool {
    CODES.split(' ').any(|known| known.eq_ignore_ascii_case(code))
}

/// What was probably meant by a code that no country has.
pub(super) fn meant(code: &str) -> String {
    match code.to_ascii_uppercase().as_str() {
        "UK" => "write 'GB' for the United Kingdom",
        "EL" => "write 'GR' for Greece",
        "EU" => "write continent('EU') for Europe",
        _ => "write the two letters of ISO 3166, as in 'DE'",
    }
    .to_owned()
}

/// The same where codes are in lower case.
pub(super) fn meant_lower(code: &str) -> String {
    match code {
        "uk" => "write 'gb' for the United Kingdom",
        "el" => "write 'gr' for Greece",
        "eu" => "write continentCode() == 'eu' for Europe",
        _ => "write the two letters of ISO 3166, as in 'de'",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::{CODES, is_country};

    #[test]
    fn there_are_as_many_countries_as_the_standard_has_and_kosovo() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert!(codes.is_sorted() && codes.iter().all(|code| code.len() == 2));
        assert_eq!(codes.len(), 249 + 1);
        assert!(is_country("gb") && !is_country("uk") && !is_country("EU") && !is_country(""));
    }
}
