import RowInput

/// The definition of an aggregation, recorded in the state directory so that a later run can't mix in another.
struct AggregationPlan: Codable, Equatable, Sendable {
  /// The value kept of a column for each group.
  enum Function: String, Codable, CaseIterable, Sendable {
    case count, sum, min, max, last
  }

  /// One column of the result.
  struct Aggregate: Codable, Equatable, Sendable {
    var function: Function
    /// The input column; `nil` for a count.
    var column: String?

    /// How the result calls it, as `sum(amount)`.
    var name: String { column.map { "\(function.rawValue)(\($0))" } ?? function.rawValue }
  }

  /// The columns that name a group.
  var groupBy: [String]
  /// The columns of the result.
  var aggregates: [Aggregate]

  /// The conditions that rows must all fulfil to count; `nil`: none.
  var conditions: [Condition]?
  /// A text that means no value, like the empty text.
  var null: String?
  /// Windows of time that groups are divided into, if they are.
  var window: TumblingWindow?

  /// The plan for a state that was made with `stored`: keeps the settings that depend on the version that made it.
  func continuing(_ stored: AggregationPlan) -> AggregationPlan {
    var plan = self
    if let window = stored.window { plan.window?.writesMilliseconds = window.writesMilliseconds }
    return plan
  }

  /// How the result calls the parts of a key: the window's start, if there are windows, and the columns of the group.
  var keyNames: [String] {
    guard let window else { return groupBy }
    return [groupBy.contains("window") ? "window(\(window.column))" : "window"] + groupBy
  }

  /// How the result calls its columns: the parts of the key, then the aggregates.
  ///
  /// A repeated name gets a number.
  var resultNames: [String] {
    var names: [String] = []
    for name in keyNames + aggregates.map(\.name) {
      var (unique, number) = (name, 1)
      while names.contains(unique) {
        number += 1
        unique = "\(name)_\(number)"
      }
      names.append(unique)
    }
    return names
  }

  /// The input columns to read: those of the group first, then those of the aggregates that have one, of the conditions
  /// and of the window.
  var columns: [String] {
    groupBy + aggregates.compactMap(\.column) + (conditions ?? []).map(\.column)
      + (window.map { [$0.column] } ?? [])
  }

  /// The command line's options for it.
  var options: String {
    let options = aggregates.map { aggregate in
      "--\(aggregate.function.rawValue)" + (aggregate.column.map { " \($0)" } ?? "")
    }
    let groups = groupBy.isEmpty ? [] : ["--group-by " + groupBy.joined(separator: ",")]
    let windows = window.map { [$0.options] } ?? []
    let wheres = conditions.map { ["--where \"" + $0.map(\.text).joined(separator: " and ") + "\""] } ?? []
    let nulls = null.map { ["--null \"\($0)\""] } ?? []
    return (windows + groups + options + wheres + nulls).joined(separator: " ")
  }
}
