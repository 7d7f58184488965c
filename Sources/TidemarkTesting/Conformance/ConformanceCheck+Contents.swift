internal import Changelog

/// The contents of a changelog, and how it is read.
extension ConformanceCheck {
  func emptyStart() throws {
    let log = try make()
    try equal(try log.offsets(), ChangelogOffsets(start: 0, durable: 0, end: 0), "offsets of an empty changelog")
    try equal(try log.receipt(endingAt: 0), Receipt(startOf: log.identity), "receipt of an empty changelog")
    try equal(try log.read(from: 0, to: nil) { (_) throws(StoreError) in .next }, 0, "end of an empty changelog")
    try equal(try log.receipt(endingAt: 1), nil, "receipt beyond the end")
  }

  func contents() throws {
    let log = try make()
    let writer = try log.openWriter()
    var samples = (0..<20).map(Sample.init)
    // Spans several batches if batches hold few records.
    samples.append(Sample(21, recordCount: 60))
    var appended: [AppendedCommit] = []
    for sample in samples { appended.append(try writer.append(sample.commit())) }
    let read = try readAll(log)
    try equal(read.count, samples.count, "how many commits are read")
    for (read, (sample, appended)) in zip(read, zip(samples, appended)) {
      try equal(read.sample, sample, "the commit at \(appended.baseOffset)")
      try equal(read.baseOffset, appended.baseOffset, "where a commit starts")
      try equal(read.endOffset, appended.endOffset, "where a commit ends")
      try equal(read.epoch, writer.epoch, "a commit's epoch")
    }
    try writer.close()
  }

  func order() throws {
    let log = try make()
    let writer = try log.openWriter()
    let appended = try append(1...12, to: writer)
    for (former, next) in zip(appended, appended.dropFirst()) {
      try expect(
        former.baseOffset < former.endOffset && former.endOffset <= next.baseOffset,
        "a commit lies at \(former.baseOffset)..<\(former.endOffset), the next starts at \(next.baseOffset)")
    }
    try equal(try log.commits().map(\.baseOffset), appended.map(\.baseOffset), "the commits in the order they are read")
    try equal(writer.endOffset, appended[11].endOffset, "the end")
    try writer.close()
  }

  func receipts() throws {
    let log = try make()
    let writer = try log.openWriter()
    let appended = try append(0..<30, to: writer)
    let last = appended[29]
    try equal(writer.lastReceipt, last.receipt, "last receipt")
    try equal(try log.receipt(endingAt: last.endOffset), last.receipt, "receipt at the end")
    try equal(try log.receipt(endingAt: last.endOffset.advanced(by: 3)), nil, "receipt beyond the end")
    var computed = [Receipt(startOf: log.identity)]
    let read = try readAll(log)
    try log.read(from: 0, to: nil) { (commit) throws(StoreError) in
      computed.append(computed[computed.count - 1].followed(by: commit))
      return .next
    }
    for (number, commit) in read.enumerated() {
      try equal(commit.previousReceipt, computed[number], "receipt before commit \(number)")
      try equal(
        commit.receipt, computed[number + 1], "receipt of commit \(number), which is computed from what is read,")
      try equal(appended[number].receipt, commit.receipt, "receipt that the append of commit \(number) returned")
    }
    guard log.capabilities.contains(.verifiesHistory) else { return try writer.close() }
    for appended in appended {
      try equal(try log.receipt(endingAt: appended.endOffset), appended.receipt, "receipt at the end of a commit")
      if appended.baseOffset.advanced(by: 1) < appended.endOffset {
        try equal(try log.receipt(endingAt: appended.baseOffset.advanced(by: 1)), nil, "receipt inside a commit")
      }
    }
    try writer.close()
  }

  func points() throws {
    let log = try make()
    try equal(try log.end(at: .offset(7)), 0, "end at a point of an empty changelog")
    let writer = try log.openWriter()
    var last: Offset = 0
    for number in 0..<10 {
      let appended = try writer.append(Sample(number).commit())
      try equal(try log.end(at: .offset(appended.endOffset.advanced(by: -1))), last, "end before the end of a commit")
      try equal(try log.end(at: .offset(appended.endOffset)), appended.endOffset, "end at the end of a commit")
      last = appended.endOffset
    }
    try equal(try log.end(at: .time(.max)), last, "end in the future")
    try equal(try log.end(at: .time(.min)), 0, "end before the first commit")
    try writer.close()
  }

  func reading() throws {
    let log = try make()
    let writer = try log.openWriter()
    let appended = try append(2...11, to: writer)
    let end = appended[9].endOffset
    for (index, commit) in appended.enumerated() {
      try equal(
        try readAll(log, from: commit.baseOffset).count, 10 - index, "commits from the start of commit \(index)")
      try equal(try readAll(log, from: commit.endOffset).count, 9 - index, "commits from the end of commit \(index)")
    }
    let range = try readAll(log, from: appended[4].baseOffset, to: appended[6].endOffset)
    try equal(range.map(\.endOffset), appended[4...6].map(\.endOffset), "commits of a range")
    try equal(
      try log.read(from: end, to: nil) { (_) throws(StoreError) in .next }, end, "where reading from the end ends")
    var seen = 0
    let stopped = try log.read(from: appended[2].baseOffset, to: nil) { (_) throws(StoreError) in
      seen += 1
      return seen == 2 ? .stop : .next
    }
    try equal(stopped, appended[3].endOffset, "where reading stopped")
    try equal(seen, 2, "commits before reading stopped")
    let inside = appended[3].baseOffset.advanced(by: 1)
    if inside < appended[3].endOffset {
      try fails(.invalidArgument, "reading from inside a commit") { _ = try readAll(log, from: inside) }
    }
    try fails(.invalidArgument, "reading from beyond the end") { _ = try readAll(log, from: end.advanced(by: 5)) }
    try writer.close()
  }

  func bytes() throws {
    let log = try make()
    let writer = try log.openWriter()
    try append(0..<25, to: writer)
    let commits = try log.commits()
    for (low, high) in [(0, 24), (0, 0), (3, 3), (7, 19), (24, 24)] {
      let (start, end) = (commits[low].baseOffset, commits[high].endOffset)
      guard let count = try log.byteCount(from: start, to: end) else { continue }
      let sum = commits[low...high].reduce(0) { $0 + $1.byteCount }
      try equal(count, sum, "bytes from \(start) to \(end)")
      try expect(sum > 0, "the commits from \(start) to \(end) take no bytes")
    }
    try writer.close()
  }
}
