/// How far a copy of a changelog is.
public struct CopyProgress: Sendable, Hashable {
  /// The next commit to copy.
  public var offset: Offset
  /// Where the last commit to copy ends.
  public var endOffset: Offset
  /// How many commits were copied.
  public var commits = 0
  /// How many bytes of the changelog were copied.
  public var bytes = 0
  /// How many there are to copy altogether; `nil` if the changelog can't tell.
  public var totalBytes: Int?

  /// Tells the caller, who may want to stop: what that throws becomes `cancelled`.
  func report(orCancelFor progress: (CopyProgress) throws -> Void) throws(StoreError) {
    do { try progress(self) } catch {
      throw StoreError(
        .cancelled, "cancelled by the copy's progress closure", ["offset": offset, "end": endOffset], cause: error
      )
    }
  }
}

extension Changelog {
  /// Appends commits to another changelog, as commits of its own: same records, positions and stream times, other offsets,
  /// epochs, timestamps and receipts.
  ///
  /// Each commit's receipt is computed again and compared before it is appended. All of them are durable afterwards. What an
  /// error interrupts stays appended; `progress` was told up to where. ``FileLog/copy(to:from:upTo:progress:)`` makes an exact
  /// copy.
  ///
  /// - Parameters:
  ///   - writer: the other changelog's writer.
  ///   - start: where the first commit starts; without it, the start of the changelog.
  ///   - end: where the last commit ends; without it, the end of what is durable.
  ///   - progress: called after each commit; where it throws, the copy ends with `cancelled`.
  /// - Returns: the offset after the last commit copied.
  /// - Throws: `corrupted` if a receipt doesn't follow, `unsupported` if a commit carried outputs, which the changelog doesn't
  ///   keep, or has fields of a later version; and what reading and appending throw.
  @discardableResult
  public func copy(
    into writer: any ChangelogWriter, from start: Offset? = nil, to end: Offset? = nil,
    progress: (CopyProgress) throws -> Void = { _ in }
  ) throws(StoreError) -> Offset {
    let status = try offsets()
    let (start, end) = (start ?? status.start, end ?? status.durable)
    var step = CopyProgress(offset: start, endOffset: end, totalBytes: try byteCount(from: start, to: end))
    var last = try receipt(endingAt: start)
    let reached = try read(from: start, to: end) { (logged) throws(StoreError) in
      guard logged.outputsDigest == nil else {
        throw StoreError(
          .unsupported, "a commit with outputs can't be copied", ["changelog": identity, "offset": logged.baseOffset])
      }
      guard logged.laterFields.isEmpty else {
        throw StoreError(
          .unsupported, "a commit has fields that this version doesn't know; copy it with a newer Tidemark",
          ["changelog": identity, "offset": logged.baseOffset])
      }
      guard last == nil || last == logged.previousReceipt, logged.previousReceipt.followed(by: logged) == logged.receipt
      else {
        throw StoreError(
          .corrupted, "a commit's receipt isn't that of its contents; restore the changelog from a copy",
          ["changelog": identity, "offset": logged.baseOffset])
      }
      last = logged.receipt
      var commit = Commit(position: logged.position, streamTime: logged.streamTime)
      try logged.records.forEach { (table, key, value) throws(StoreError) in
        commit.records.append(table, key: key, value: value)
      }
      _ = try writer.append(commit)
      step.offset = logged.endOffset
      step.commits += 1
      step.bytes += logged.byteCount
      try step.report(orCancelFor: progress)
      return .next
    }
    try writer.sync()
    return reached
  }
}
