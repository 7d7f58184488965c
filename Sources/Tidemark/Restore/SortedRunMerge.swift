internal import Changelog
internal import Glibc

/// Steps over the changes of several sorted runs, in a range of one table, as if they were one: of a key that many change,
/// the last counts.
///
/// A tree of losers. Source: D. E. Knuth, "The Art of Computer Programming", volume 3 (1998), 5.4.1.
@safe
struct SortedRunMerge: ~Copyable {
  /// What a comparison needs of a cursor, side by side.
  private struct Head: BitwiseCopyable {
    var key: SearchKey
    var isAtEnd: Bool
  }

  private let count: Int
  private let cursors: UnsafeMutablePointer<SortedRunCursor>
  private let heads: UnsafeMutablePointer<Head>
  /// The winner, and behind it the losers of each match.
  private let losers: UnsafeMutablePointer<Int>
  private var hasBegun = false
  private var lastKey = ByteWriter()

  /// Begins before the first key; of runs that change a key the last counts.
  init(_ runs: [SortedRun], _ table: TableID, _ range: KeyRange) throws(StoreError) {
    count = runs.count
    // Proof for `unsafe` here and below: all three have `count` elements from here on, and indices stay below that; the keys
    // of heads lie in their cursors.
    unsafe cursors = UnsafeMutablePointer.allocate(capacity: count)
    unsafe heads = UnsafeMutablePointer.allocate(capacity: count)
    unsafe losers = UnsafeMutablePointer.allocate(capacity: max(count, 1))
    for (index, run) in runs.enumerated() {
      unsafe (cursors + index).initialize(to: SortedRunCursor(run, table, range))
      unsafe (heads + index).initialize(
        to: Head(key: SearchKey(UnsafeRawBufferPointer(start: nil, count: 0)), isAtEnd: true))
    }
    for index in 0..<count { try advance(index) }
    play()
  }

  deinit {
    unsafe cursors.deinitialize(count: count)
    unsafe cursors.deallocate()
    unsafe heads.deallocate()
    unsafe losers.deallocate()
  }

  /// Goes to the first or the next key; `false` at the end.
  mutating func advance() throws(StoreError) -> Bool {
    if count == 0 { return false }
    if hasBegun { try stepWinner() }
    // Earlier changes of the key that was given out.
    while hasBegun, unsafe !heads[losers[0]].isAtEnd, unsafe lastKey.bytes.equals(RawSpan(_unsafeBytes: key)) {
      try stepWinner()
    }
    hasBegun = true
    if unsafe heads[losers[0]].isAtEnd { return false }
    lastKey.removeAll()
    unsafe lastKey.append(RawSpan(_unsafeBytes: key))
    return true
  }

  /// The key where it stands; it stays in its place until the next step.
  var key: UnsafeRawBufferPointer { unsafe cursors[losers[0]].key }
  /// The value where it stands; `nil` for a deletion.
  var value: UnsafeRawBufferPointer? { unsafe cursors[losers[0]].value }

  private func advance(_ index: Int) throws(StoreError) {
    let isThere = unsafe try cursors[index].advance()
    unsafe heads[index].isAtEnd = !isThere
    if isThere { unsafe heads[index].key = SearchKey(cursors[index].key) }
  }

  private func stepWinner() throws(StoreError) {
    var winner = unsafe losers[0]
    try advance(winner)
    var match = (winner + count) / 2
    while match > 0 {
      if unsafe comesBefore(losers[match], winner) { unsafe swap(&losers[match], &winner) }
      match /= 2
    }
    unsafe losers[0] = winner
  }

  /// Plays all matches.
  private func play() {
    // Who has won at each place; the cursors themselves are at `count` and beyond.
    var winners = [Int](repeating: 0, count: 2 * count)
    for index in 0..<count { winners[count + index] = index }
    for match in stride(from: count - 1, to: 0, by: -1) {
      let (a, b) = (winners[2 * match], winners[2 * match + 1])
      let isFirst = comesBefore(a, b)
      winners[match] = isFirst ? a : b
      unsafe losers[match] = isFirst ? b : a
    }
    if count > 0 { unsafe losers[0] = count == 1 ? 0 : winners[1] }
  }

  /// Whether the change of one comes first: its key is less, or it is the same and the run is a later one.
  @inline(__always)
  private func comesBefore(_ a: Int, _ b: Int) -> Bool {
    let (first, second) = unsafe (heads[a], heads[b])
    if first.isAtEnd || second.isAtEnd { return !first.isAtEnd }
    if first.key.prefix != second.key.prefix { return first.key.prefix < second.key.prefix }
    let order = unsafe first.key.compareBehindPrefix(second.key.bytes)
    return order != 0 ? order < 0 : a > b
  }
}
