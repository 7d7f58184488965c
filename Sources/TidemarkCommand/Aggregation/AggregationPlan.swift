import RowInput

/// What an aggregation computes: recorded in the state directory, so that a later run can't mix in another.
struct AggregationPlan: Codable, Equatable, Sendable {
  /// What is kept of a column for each group.
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

  /// How the result calls the parts of a key.
  var keyNames: [String] { groupBy }

  /// The input columns to read: those of the group first, then those of the aggregates that have one.
  var columns: [String] { groupBy + aggregates.compactMap(\.column) }

  /// The command line's options for it.
  var options: String {
    let options = aggregates.map { aggregate in
      "--\(aggregate.function.rawValue)" + (aggregate.column.map { " \($0)" } ?? "")
    }
    return (["--group-by " + groupBy.joined(separator: ",")] + options).joined(separator: " ")
  }
}
