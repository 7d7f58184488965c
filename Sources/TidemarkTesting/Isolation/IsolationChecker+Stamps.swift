internal import Changelog

/// Offsets, positions and stream time, and the state that belongs to an offset.
extension IsolationChecker {
  /// Sorts the commits with a stamp by their offsets.
  mutating func orderStamps() {
    stampedCommits = operations.indices.filter { isCommitted[$0] && operations[$0].stamp != nil }
      .sorted { operations[$0].stamp!.offset < operations[$1].stamp!.offset }
    for (number, next) in zip(stampedCommits, stampedCommits.dropFirst())
    where operations[number].stamp!.offset == operations[next].stamp!.offset {
      found(
        .wrongStamp, [number, next], [], basis: .offsets, "two commits end at offset \(operations[next].stamp!.offset)")
    }
  }

  /// The place of the commit that ends at an offset.
  func place(of offset: Offset) -> Int? {
    let place = stampedCommits.partitioningIndex { operations[$0].stamp!.offset >= offset }
    guard place < stampedCommits.count, operations[stampedCommits[place]].stamp!.offset == offset else { return nil }
    return place
  }

  /// Compares the reads of operations with a stamp with the commits up to their offset.
  mutating func checkStamps() {
    if stampedCommits.isEmpty { return }
    let states = lists.map { StateByOffset($0, operations, isCommitted) }
    for (number, operation) in operations.enumerated() where operation.kind != .transaction {
      guard let stamp = operation.stamp else { continue }
      guard let place = place(of: stamp.offset) else {
        found(.wrongStamp, [number], [], basis: .offsets, "no commit ends at offset \(stamp.offset)")
        continue
      }
      let commit = operations[stampedCommits[place]].stamp!
      if let position = stamp.position, let expected = commit.position {
        if position != expected || stamp.streamTime != commit.streamTime {
          found(
            .wrongStamp, [number, stampedCommits[place]], [], basis: .offsets,
            "position \(position) and stream time \(text(stamp.streamTime)) at offset \(stamp.offset), where the commit"
              + " has \(expected) and \(text(commit.streamTime))")
        }
      }
    }
    for read in reads where operations[read.operation].kind != .transaction {
      guard let offset = operations[read.operation].stamp?.offset,
        let expected = states[read.list]?.elements(at: offset),
        read.elements[...] != expected
      else { continue }
      found(
        .wrongState, [read.operation], [read.list], basis: .offsets,
        "\(lists[read.list].key) is \(text(Array(expected))) at offset \(offset), and was read as \(text(read.elements))"
      )
    }
  }

  private func text(_ time: Timestamp?) -> String { time.map { "\($0)" } ?? "none" }
}

/// The state of a list after each commit, by offset.
private struct StateByOffset {
  private var offsets: [Offset] = []
  private var elements: [Int] = []

  /// `nil` if the offset of a commit isn't known.
  init?(_ list: ListTrace, _ operations: [HistoryOperation], _ isCommitted: [Bool]) {
    var appends: [(offset: Offset, place: Int)] = []
    for (place, element) in list.appended.enumerated() {
      let appender = list.appenders[element]!
      guard appender.isKept, isCommitted[appender.operation] else { continue }
      guard let stamp = operations[appender.operation].stamp else { return nil }
      appends.append((stamp.offset, place))
    }
    appends.sort { $0 < $1 }
    offsets = appends.map(\.offset)
    elements = appends.map { list.appended[$0.place] }
  }

  func elements(at offset: Offset) -> ArraySlice<Int> { elements.prefix(offsets.partitioningIndex { $0 > offset }) }
}

extension Array {
  /// The first place where a condition holds; it must hold at all later places.
  func partitioningIndex(where holds: (Element) -> Bool) -> Int {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = low + (high - low) / 2
      if holds(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
