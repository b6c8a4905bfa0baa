"""Count how many inputs the tests of each class of defects try.

    python -m tools.faults.trust

Writes the figures to `nbs/reliability.json`. A class is held by tests that are named here; a name that no
test has is an error.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tools.faults.figures import record

ROOT = Path(__file__).parents[2]
FILES = (
    "tests/unit/test_trust_rows.py",
    "tests/unit/test_trust_values.py",
    "tests/unit/test_trust_people.py",
    "tests/unit/test_trust_home_v1.py",
    "tests/unit/test_public_corpora.py",
    "tests/kafka/test_trust_topics.py",
    "tests/spark/test_trust_spark.py",
    "tests/faults/test_trust_kills.py",
    "tests/faults/test_trust_memory.py",
)
CLASSES = {
    "Lines that no rule claims": (
        "test_control_character_in_a_string_is_rejected",
        "test_no_row_of_nulls_is_made_of_anything",
        "test_json_that_must_be_taken",
        "test_json_that_must_be_refused",
        "test_csv_spectrum",
    ),
    "Positions in topics": (
        "test_latest_reads_what_comes_after_the_first_look",
        "test_a_topic_that_is_left_out_for_a_while_keeps_its_position",
        "test_a_batch_without_a_partition_keeps_its_position",
        "test_a_topic_that_was_made_again_is_told_and_not_skipped",
    ),
    "Killed at each write, the catalog edited": (
        "test_kill_at_each_write",
        "test_kill_at_each_write_where_files_leave_landing",
        "test_an_edited_catalog_does_not_change_a_batch_that_is_half_written",
        "test_begun_by_one_engine_and_finished_by_the_other",
    ),
    "Recovery, and homes that moved": (
        "test_a_recovery_that_is_killed_half_way_doubles_nothing",
        "test_a_moved_home_goes_on_and_audits_to_zero",
        "test_a_moved_home_recovers_without_a_row_twice",
    ),
    "Commits of others in a table": ("test_a_batch_is_known_behind_125_foreign_commits",),
    "Power loss": (
        "test_tables_are_on_disk_before_a_source_is_deleted",
        "test_a_source_stays_where_the_disk_refuses",
    ),
    "A quarantine that was deleted": (
        "test_every_audit_notices_a_quarantine_that_is_gone",
        "test_a_clean_dataset_has_a_quarantine_too",
    ),
    "Defaults of an Avro schema": ("test_a_default_of_the_readers_schema_is_its_value",),
    "Replay without the source": (
        "test_replay_knows_the_header_of_a_file_that_left_landing",
        "test_a_row_whose_header_is_nowhere_stays_in_the_quarantine",
    ),
    "Calendars, signs, marks, line ends": (
        "test_days_of_the_legacy_calendar_are_the_days_that_were_written",
        "test_a_decimal_with_an_exponent_is_none_under_a_locale",
        "test_a_mark_on_a_later_line_is_no_beginning",
        "test_a_line_like_the_header_is_a_row",
        "test_spaces_and_line_breaks_are_values",
        "test_minus_zero",
        "test_int96_timestamps_are_read",
        "test_numbers_that_are_not_finite_leave_a_table_readable",
    ),
    "Transactions and retention of Kafka": (
        "test_an_open_transaction_does_not_hold_back_what_is_before_it",
        "test_retention_that_overtakes_a_planned_batch_is_counted_and_passed",
        "test_a_batch_that_is_whole_needs_no_records_to_be_finished",
    ),
    "Poisoned names and schemas": (
        "test_a_file_name_that_is_not_utf8",
        "test_columns_with_odd_names",
        "test_half_a_surrogate_pair_in_a_name_stops_no_dataset",
        "test_a_poisoned_version_stops_no_dataset",
        "test_a_new_version_beside_a_poisoned_one_is_evolved_to",
        "test_a_subject_of_poisoned_versions_only_is_told",
        "test_a_schema_that_is_no_avro_is_named",
        "test_keys_of_a_poisoned_version_stay_bytes",
        "test_foreign_files_in_a_checkpoint_stop_nothing",
    ),
    "Packed input and slow patterns": (
        "test_packed_input_is_bounded_in_memory",
        "test_a_block_of_avro_that_is_too_large_is_one_named_thing",
        "test_many_commas_take_linear_time",
    ),
    "Terminals, homes with odd names, panics": (
        "test_terminal_escapes_of_data_do_not_reach_the_terminal",
        "test_a_home_may_have_any_name_or_is_refused_with_a_sentence",
        "test_a_panic_ends_a_dataset_and_not_the_run",
    ),
    "Homes of the version before, and of a newer one": (
        "test_what_was_whole_is_not_read_again",
        "test_what_was_unfinished_is_finished_once",
        "test_a_topic_of_the_version_before_goes_on",
        "test_a_checkpoint_of_a_newer_version_is_refused_with_a_sentence",
    ),
    "Tables that other readers open": (
        "test_names_are_made_fit_and_every_reader_agrees",
        "test_a_wider_column_needs_no_table_feature",
    ),
    "Options, statuses, and messages": (
        "test_an_option_that_is_taken_works",
        "test_a_mostly_rejected_run_is_no_success",
        "test_thresholds_per_dataset",
        "test_a_null_value_of_csv_is_advised",
        "test_a_fix_works_as_it_is_printed",
        "test_suggestions_fit",
        "test_bytes_of_an_archive_are_named_and_not_printed",
    ),
}


def collected() -> Counter[str]:
    "Test function → how many cases it has."
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", *FILES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    ids = [line for line in done.stdout.splitlines() if "::" in line]
    return Counter(node.split("::")[1].partition("[")[0] for node in ids)


def main() -> dict[str, dict[str, int]]:
    "Class → its tests, and the cases that they try."
    found = collected()
    missing = {name for names in CLASSES.values() for name in names} - found.keys()
    if missing:
        raise SystemExit(f"there are no such tests: {', '.join(sorted(missing))}")
    return {
        title: {"tests": len(names), "cases": sum(found[name] for name in names)}
        for title, names in CLASSES.items()
    }


if __name__ == "__main__":
    told = main()
    record("classes", told)
    print(json.dumps(told, indent=1))
