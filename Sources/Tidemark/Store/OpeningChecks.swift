internal import Changelog
internal import RocksDB

/// What opening looks at before it changes anything: `HEAD` against the database, and the database against the changelog.
///
/// Rule R8. The one thing that is written is a `HEAD` without an offset in a directory that has neither `HEAD` nor database:
/// from then on a database without `HEAD` is a damaged store.
struct OpeningChecks {
  let directory: StoreDirectory
  let options: StoreOptions

  /// What the database holds, seen read-only and compared with `HEAD`; `nil` before anything was stored.
  func storedState() throws(StoreError) -> StoredState? {
    guard let bytes = try directory.storage.contents(of: directory.head) else {
      guard try !directory.hasDatabase else {
        throw StoreError(
          .corrupted,
          "HEAD is gone, so nobody can tell what the database must contain; rebuild the store from its"
            + " changelog, or put back a copy of the file", ["file": directory.head])
      }
      try directory.storage.replace(directory.head, with: Array(Head(stored: nil, manifest: 0).text.utf8))
      return nil
    }
    let head = try Head(parsing: bytes, file: directory.head)
    let found = try StoredState.read(directory, options)
    guard try directory.manifestNumber() ?? 0 >= head.manifest else {
      throw lostData("CURRENT is gone or names an older MANIFEST than HEAD", head, found: found?.state)
    }
    guard let must = head.stored else { return found }
    guard let found else { throw lostData("the database is empty", head, found: nil) }
    guard found.state.offset >= must.offset, found.state.offset > must.offset || found.state.receipt == must.receipt
    else { throw lostData("the database holds less than HEAD says, or something else", head, found: found.state) }
    return found
  }

  private func lostData(_ message: String, _ head: Head, found: CommittedState?) -> StoreError {
    StoreError(
      .corrupted, message + "; nothing was changed; rebuild the store from its changelog, or put back a copy",
      [
        "directory": directory.path, "HEAD's offset": head.stored?.offset.description ?? "none",
        "found": found?.offset.description ?? "none", "HEAD's MANIFEST": head.manifest,
      ])
  }

  /// Begins with the checkpoint below which the changelog was deleted, if it was.
  func takeBase(of changelog: any Changelog) throws(StoreError) -> StoredState? {
    guard let base = try directory.baseCheckpoint(of: changelog) else { return nil }
    try directory.takeDatabase(of: base.place)
    return try StoredState.read(directory, options)
  }

  /// Throws `wrongChangelog` unless the changelog is the one that the state is a replay of.
  func check(_ changelog: any Changelog, isThatOf stored: StoredState?) throws(StoreError) {
    guard let stored else {
      let start = try changelog.offsets().start
      guard start == .zero else {
        throw StoreError(
          .wrongChangelog,
          "the changelog was deleted below an offset, so an empty store can't be restored from it;"
            + " start from the checkpoint that covers it", ["changelog": changelog.identity, "start": start])
      }
      return
    }
    guard stored.identity == OffsetsFamily.encode(changelog.identity) else {
      throw StoreError(
        .wrongChangelog, "the store belongs to another changelog, or the changelog was recreated",
        ["directory": directory.path, "changelog": changelog.identity])
    }
    let (state, offsets) = (stored.state, try changelog.offsets())
    guard state.offset <= offsets.end else {
      throw StoreError(
        .wrongChangelog, "the changelog ends before the stored offset: it was cut or replaced by an older copy",
        ["directory": directory.path, "stored offset": state.offset, "end": offsets.end])
    }
    let receipt: Receipt?
    do throws(StoreError) {
      receipt = try changelog.receipt(endingAt: state.offset)
    } catch  where error.kind == .invalidArgument {
      receipt = nil
    }
    guard let receipt else {
      throw StoreError(
        .wrongChangelog, "no commit of the changelog ends at the stored offset",
        ["directory": directory.path, "stored offset": state.offset, "start": offsets.start])
    }
    guard receipt == state.receipt else {
      throw StoreError(
        .wrongChangelog, "the changelog's history differs from the store's: the changelog was forked",
        [
          "directory": directory.path, "stored offset": state.offset, "stored receipt": state.receipt,
          "changelog's receipt": receipt,
        ])
    }
  }
}
