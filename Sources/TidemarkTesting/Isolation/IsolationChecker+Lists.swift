internal import Changelog

/// The order of each list.
extension IsolationChecker {
  /// Takes the longest version read as the order of a list, and determines how much of it each read has seen.
  mutating func inferOrder(of list: Int) {
    let numbers = lists[list].reads.filter { operations[reads[$0].operation].kind != .uncommittedRead }
    guard let longest = numbers.max(by: { reads[$0].elements.count < reads[$1].elements.count }) else { return }
    let longestElements = reads[longest].elements
    var reported: Set<Int> = []
    var order = cleanse(longest, &reported)
    // `counts[n]` is how many of the first n elements are in the order.
    var counts = [0]
    if order.count == longestElements.count {
      counts = Array(0...order.count)
    } else {
      let kept = Set(order)
      var seen: Set<Int> = []
      for element in longestElements {
        counts.append(counts.last! + (kept.contains(element) && seen.insert(element).inserted ? 1 : 0))
      }
    }
    for number in numbers {
      let elements = reads[number].elements
      if elements.count <= longestElements.count, elements[...] == longestElements.prefix(elements.count) {
        reads[number].count = counts[elements.count]
        continue
      }
      let cleansed = cleanse(number, &reported)
      if order.starts(with: cleansed) {
        reads[number].count = cleansed.count
      } else if cleansed.starts(with: order) {
        order = cleansed
        reads[number].count = cleansed.count
      } else {
        let place = zip(order, cleansed).prefix { $0 == $1 }.count
        found(
          .incompatibleOrder, [reads[longest].operation, reads[number].operation], [list],
          "\(lists[list].key) was read with \(order[place]) and with \(cleansed[place]) behind \(place) elements")
      }
    }
    for element in order { lists[list].extend(with: element) }
    lists[list].observedCount = order.count
  }

  /// The elements read, without impossible ones, which are reported once.
  private mutating func cleanse(_ number: Int, _ reported: inout Set<Int>) -> [Int] {
    let (reader, list) = (reads[number].operation, reads[number].list)
    var clean: [Int] = []
    var seen: Set<Int> = []
    for element in reads[number].elements {
      guard let appender = lists[list].appenders[element] else {
        if reported.insert(element).inserted {
          found(.unknownElement, [reader], [list], "\(element) in \(lists[list].key) was never appended")
        }
        continue
      }
      guard appender.isKept else {
        if reported.insert(element).inserted {
          let why = operations[appender.operation].outcome == .aborted ? "aborted" : "rolled back"
          found(
            .g1a, [reader] + (appender.operation == reader ? [] : [appender.operation]), [list],
            "\(element) in \(lists[list].key) was \(why)")
        }
        continue
      }
      guard seen.insert(element).inserted else {
        found(.duplicate, [reader], [list], "\(element) is twice in \(lists[list].key)")
        continue
      }
      clean.append(element)
    }
    return clean
  }

  /// Puts elements that were committed and never read after the others.
  mutating func completeOrder(of list: Int) {
    let trace = lists[list]
    guard trace.order.count < trace.appenders.count else { return }
    var missing = trace.appended.filter { element in
      let appender = trace.appenders[element]!
      return appender.isKept && appender.place == nil && isCommitted[appender.operation]
    }
    // First the elements of the transaction that the order ends with.
    if let last = trace.writers.last {
      for element in missing where trace.appenders[element]!.operation == last { lists[list].extend(with: element) }
      missing.removeAll { trace.appenders[$0]!.operation == last }
    }
    let offsets = missing.map { operations[trace.appenders[$0]!.operation].stamp?.offset.value ?? .max }
    // Elements of one transaction keep their order.
    let sorted = zip(offsets, missing.indices).sorted { $0 < $1 }.map { missing[$0.1] }
    let writers = Set(sorted.map { trace.appenders[$0]!.operation })
    if writers.count > 1, offsets.contains(.max) {
      lists[list].unordered = writers.sorted()
    } else {
      for element in sorted { lists[list].extend(with: element) }
    }
  }

  /// Finds reads that end between the elements of one transaction.
  mutating func findIntermediateReads() {
    for read in reads {
      guard let count = read.count, count > 0 else { continue }
      let trace = lists[read.list]
      guard count < trace.order.count, trace.writers[count] == trace.writers[count - 1],
        trace.writers[count] != read.operation
      else { continue }
      found(
        .g1b, [read.operation, trace.writers[count]], [read.list],
        "\(trace.key) was read with \(trace.order[count - 1]) and without \(trace.order[count])"
          + " of the same transaction")
    }
  }
}
