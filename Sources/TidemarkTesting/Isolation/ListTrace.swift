/// The trace of one list of a history: its appends, its reads, and the order of elements that follows from them.
struct ListTrace {
  /// The operation that appended an element.
  struct Appender {
    let operation: Int
    /// Whether the element was neither rolled back nor aborted; unknown commits count as kept.
    var isKept: Bool
    /// The element's place in ``ListTrace/order``.
    var place: Int?
  }

  let key: HistoryKey
  /// The appenders by element.
  var appenders: [Int: Appender] = [:]
  /// The elements as they were appended in the history.
  var appended: [Int] = []
  /// The indexes of the list's reads in ``IsolationChecker/reads``.
  var reads: [Int] = []

  /// Its elements in the order in which they were committed, as far as that is known.
  var order: [Int] = []
  /// The operations that appended the elements of `order`.
  var writers: [Int] = []
  /// How many of `order` were read; the order of the later elements follows from the offsets of their commits.
  var observedCount = 0
  /// The operations that appended the remaining elements, in an unknown order.
  var unordered: [Int] = []

  init(_ key: HistoryKey) { self.key = key }

  /// Appends an element to the order.
  mutating func extend(with element: Int) {
    appenders[element]!.place = order.count
    order.append(element)
    writers.append(appenders[element]!.operation)
  }

  /// The first place after `count` elements with another writer than the last of these; `nil` if there is none.
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
  /// The elements read, without the reading transaction's own appends.
  let elements: [Int]
  /// How much of the list's order the elements are; `nil` if they don't fit.
  var count: Int?
}
