/// Reads that see the open transaction.
///
/// Such a read may show any version that the list had during the call: a beginning of its order, and after that
/// elements of one transaction that aborted or rolled them back, but not before the call. The read must show all
/// elements acknowledged or read as committed before the call, and a process never sees less of the order than before.
/// But a transaction whose commit is unknown vanishes with its store, and may be back once the next store restored it.
extension IsolationChecker {
  mutating func checkUncommittedReads() {
    let numbers = reads.indices.filter { operations[reads[$0].operation].kind == .uncommittedRead }
      .sorted { operations[reads[$0].operation].begin < operations[reads[$1].operation].begin }
    if numbers.isEmpty { return }
    let ends = lists.map(earliestEnds)
    /// How much of a list a process has seen, with the operation that did.
    var seen: [SeenList: (count: Int, operation: Int)] = [:]
    for number in numbers {
      let read = reads[number]
      guard let count = placeUncommitted(read, ends[read.list]) else { continue }
      let key = SeenList(process: operations[read.operation].process, list: read.list)
      if let last = seen[key], last.count > count, operations[last.operation].end < operations[read.operation].begin {
        found(
          .uncommittedRead, [last.operation, read.operation], [read.list], basis: .session,
          "\(lists[read.list].key) went back from \(last.count) elements to \(count)")
      }
      let firm = firmCount(count, of: lists[read.list])
      if firm >= seen[key]?.count ?? 0 { seen[key] = (firm, read.operation) }
    }
  }

  private struct SeenList: Hashable {
    let process: Int
    let list: Int
  }

  /// How many of a list's first elements are there for good once `count` were seen: a later element proves that an
  /// unknown commit before it was restored.
  private func firmCount(_ count: Int, of list: ListTrace) -> Int {
    list.writers.prefix(count).lastIndex { operations[$0].outcome != .unknown }.map { $0 + 1 } ?? 0
  }

  /// For each place, the earliest tick by which an element there or later was acknowledged or read as committed.
  private func earliestEnds(_ list: ListTrace) -> [Int] {
    var ends = list.writers.map { operations[$0].outcome == .unknown ? .max : operations[$0].end }
    for number in list.reads {
      let reader = operations[reads[number].operation]
      guard reader.kind != .uncommittedRead, reader.outcome != .unknown, let count = reads[number].count, count > 0
      else { continue }
      ends[count - 1] = min(ends[count - 1], reader.end)
    }
    for place in ends.indices.dropLast().reversed() { ends[place] = min(ends[place], ends[place + 1]) }
    return ends
  }

  /// How much of the list's order an uncommitted read has seen; `nil` if the read is impossible.
  private mutating func placeUncommitted(_ read: ListRead, _ ends: [Int]) -> Int? {
    let (list, reader) = (lists[read.list], operations[read.operation])
    let count = zip(list.order, read.elements).prefix { $0 == $1 }.count
    let required = ends.partitioningIndex { $0 >= reader.begin }
    func refuse(_ other: Int? = nil, basis: IsolationAnomaly.Basis = .realTime, _ what: String) -> Int? {
      found(.uncommittedRead, [read.operation] + (other.map { [$0] } ?? []), [read.list], basis: basis, what)
      return nil
    }
    guard list.unordered.isEmpty || count >= required else { return nil }
    if count < required {
      return refuse(
        list.writers[count], "\(list.key) lacks \(list.order[count]), which was committed before the call")
    }
    if count > 0, operations[list.writers[count - 1]].begin > reader.end {
      return refuse(
        list.writers[count - 1], "\(list.key) has \(list.order[count - 1]), which was appended after the call")
    }
    var last: Int?
    for element in read.elements.dropFirst(count) {
      guard let appender = list.appenders[element] else {
        found(.unknownElement, [read.operation], [read.list], "\(element) in \(list.key) was never appended")
        return nil
      }
      let writer = operations[appender.operation]
      if isCommitted[appender.operation], appender.isKept {
        if list.unordered.contains(appender.operation) { return nil }
        return refuse(
          appender.operation, basis: .lists, "\(element) in \(list.key) is not where it is in the list's order")
      }
      if writer.end < reader.begin, writer.outcome != .unknown {
        return refuse(appender.operation, "\(element) in \(list.key) was gone before the call")
      }
      if writer.begin > reader.end {
        return refuse(appender.operation, "\(element) in \(list.key) was appended after the call")
      }
      if let last, last != appender.operation {
        return refuse(last, basis: .lists, "\(list.key) shows what two transactions have dropped")
      }
      last = appender.operation
    }
    return count
  }
}
