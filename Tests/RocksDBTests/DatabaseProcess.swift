import TestSupport

/// Runs the program `DatabaseProcess`, which is built beside the tests, to its end.
func runDatabaseProcess(_ mode: String, _ path: String, _ number: Int = 0) throws -> ProcessOutcome {
  try runSibling("DatabaseProcess", [mode, path, "\(number)"])
}
