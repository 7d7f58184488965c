package import Changelog

/// How a table is known to the changelog and, as a row of `offsets` with the same value, to the store.
package typealias TableRecord = TableDescriptor

extension TableDescriptor {
  /// Ids are assigned once, so the family of a table that comes later can't meet what an earlier one left.
  var familyName: String { Self.familyName(id) }
  static func familyName(_ id: TableID) -> String { "table-\(id)" }
}
