/// What happened to one list of a history: who appended what, who has read how much, and the order that follows from that.
struct ListTrace {
  /// Who appended an element.
  struct Appender {
    let operation: Int
    /// Whether it was neither rolled back nor aborted; unknown commits count as kept.
    var isKept: Bool
    /// Its place in ``ListTrace/order``.
    var place: Int?
  }

  let key: HistoryKey
  /// The appenders by element.
  var appenders: [Int: Appender] = [:]
  /// The elements as they were appended in the history.
  var appended: [Int] = []
  /// The numbers of the reads of it in ``IsolationChecker/reads``.
  var reads: [Int] = []

  /// Its elements in the order in which they were committed, as far as that is known.
  var order: [Int] = []
  /// Who appended them.
  var writers: [Int] = []
  /// How many of them somebody has read; the order of those behind follows from the offsets of their commits.
  var observedCount = 0
  /// Who appended the rest, in an unknown order.
  var unordered: [Int] = []

  init(_ key: HistoryKey) { self.key = key }

  /// Takes an element as the next of the order.
  mutating func extend(with element: Int) {
    appenders[element]!.place = order.count
    order.append(element)
    writers.append(appenders[element]!.operation)
  }

  /// The first place behind `count` elements whose writer isn't that of the last of these; `nil` if there is none.
  func nextPlace(behind count: Int) -> Int? {
    var place = count
    while place < order.count, count > 0, writers[place] == writers[count - 1] { place += 1 }
    return place < order.count ? place : nil
  }
}

/// A read of a list.
struct ListRead {
  let operation: Int
  let list: Int
  /// What was read, without what the reading transaction had appended itself.
  let elements: [Int]
  /// How much of the list's order that is; `nil` if it doesn't fit.
  var count: Int?
}
