import ArgumentParser
import Tidemark

/// Which groups a command visits.
struct RangeOptions: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Only groups whose key starts with this text. If repeated, all but the last are complete values.",
      valueName: "text"))
  var prefix: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Only groups from this key on. Repeat for further columns.", valueName: "value"))
  var from: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Only groups before this key. Repeat for further columns.", valueName: "value"))
  var to: [String] = []

  func validate() throws {
    guard prefix.isEmpty || (from.isEmpty && to.isEmpty) else {
      throw ValidationError("--prefix can't be combined with --from or --to")
    }
  }

  /// The range of keys; throws if a key has more parts than the plan.
  func range(_ plan: AggregationPlan) throws -> ScanRange<ListCodec<StringCodec>> {
    for (name, values) in [("--prefix", prefix), ("--from", from), ("--to", to)] {
      guard values.count <= plan.keyNames.count else {
        throw CommandError(
          .usage, "\(name) comes at most \(plan.keyNames.count) times, for \(plan.keyNames.joined(separator: ", "))")
      }
    }
    if !prefix.isEmpty { return .prefix(prefix) }
    let (from, to) = (plan.normalized(from), plan.normalized(to))
    switch (from.isEmpty, to.isEmpty) {
    case (true, true): return .all
    case (false, true): return .from(from)
    case (true, false): return .upTo(to)
    case (false, false): return .between(from, to)
    }
  }
}

extension AggregationPlan {
  /// Part of a key with a whole time converted to the stored form of window starts; prefixes such as `2011-12` stay.
  func normalized(_ key: [String]) -> [String] {
    guard let window, let first = key.first, first.contains(":"), let time = EventTime.parse(first) else {
      return key
    }
    return [window.text(time)] + key.dropFirst()
  }
}

/// How rows are printed.
struct RowStyleOptions: ParsableArguments {
  @Flag(help: "One JSON object a line, without a header.")
  var json = false

  @Flag(help: "Comma-separated values (RFC 4180) with a header; the default is tabs between values.")
  var csv = false

  func validate() throws {
    guard !json || !csv else { throw ValidationError("--json can't be combined with --csv") }
  }

  /// Prints the column names, if the style has them.
  func appendHeader(_ plan: AggregationPlan, to output: inout [UInt8]) {
    let names = plan.resultNames
    if csv {
      appendCSVRecord(names, to: &output)
    } else if !json {
      output += (names.map { visible($0, escapingBackslashes: true) }.joined(separator: "\t") + "\n").utf8
    }
  }

  /// Prints a row.
  func append(_ row: GroupRow, to output: inout [UInt8]) {
    if csv {
      row.appendCSV(to: &output)
    } else if json {
      row.appendJSON(to: &output)
    } else {
      row.appendText(to: &output)
    }
  }
}
