internal import Changelog

extension StoreOptions {
  /// The options as the store uses them: what is refused is refused, and a duration too long to matter is never reached.
  ///
  /// Throws `invalidArgument`, with the option's name, its value and what it may be.
  func validated() throws(StoreError) -> StoreOptions {
    try check("budget.bytes", budget.bytes, from: 1)
    try check("storedLagBytes", storedLagBytes, from: 0)
    try check("waitingBytes", waitingBytes, from: 0)
    try check("cleanBytes", cleanBytes, from: 0)
    var options = self
    options.storedLagTime = try checked("storedLagTime", storedLagTime)
    options.commitPatience = try checked("commitPatience", commitPatience)
    options.metricsInterval = try checked("metricsInterval", metricsInterval)
    options.restartTarget = try optional("restartTarget", restartTarget)
    options.snapshotExpiry = try optional("snapshotExpiry", snapshotExpiry)
    options.transactionLimits = try transactionLimits.validated()
    if case .interval(let interval) = tailDurability {
      // The longest that a file log takes; a shorter wait for the disk promises more.
      options.tailDurability = .interval(min(try checked("tailDurability", interval), .seconds(86_400)))
    }
    return options
  }
}

extension TransactionLimits {
  fileprivate func validated() throws(StoreError) -> TransactionLimits {
    try check("transactionLimits.softBytes", softBytes, from: 0)
    try check("transactionLimits.softEntries", softEntries, from: 0)
    try check("transactionLimits.hardBytes", hardBytes, from: 1)
    var limits = self
    limits.softInterval = try optional("transactionLimits.softInterval", softInterval)
    return limits
  }
}

/// Longer than any process runs, and short enough for any arithmetic: in nanoseconds it fits into 64 bits.
private let longest = Duration.seconds(100 * 365 * 86_400)

private func check(_ option: String, _ value: Int, from least: Int) throws(StoreError) {
  if value < least { throw outOfRange(option, value, allowed: "\(least) or more") }
}

/// A duration, or the longest that is reckoned with.
private func checked(_ option: String, _ value: Duration) throws(StoreError) -> Duration {
  if value < .zero { throw outOfRange(option, value, allowed: "0 seconds or more") }
  return min(value, longest)
}

/// A duration, or `nil` for one so long that it never passes.
private func optional(_ option: String, _ value: Duration?) throws(StoreError) -> Duration? {
  guard let value else { return nil }
  return try checked(option, value) < longest ? value : nil
}

private func outOfRange(
  _ option: String, _ value: any CustomStringConvertible, allowed: String
) -> StoreError {
  StoreError(.invalidArgument, "an option is out of range", ["option": option, "value": value, "allowed": allowed])
}
