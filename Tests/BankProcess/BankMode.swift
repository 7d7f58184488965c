/// What a `BankProcess` is started for.
package enum BankMode: String, CaseIterable {
  /// Opens the bank and applies transfers until it is killed.
  case run
  /// The same, with options of the round, checkpoints, and a changelog that is deleted below them.
  case work
  /// The same as `work`, for a store without a changelog.
  case alone
  /// The same as `work`, with so little memory that what is to be restored is sorted on disk.
  case resume
  /// The same as `resume`, of a store that is set aside first, so that all of it is restored.
  case rebuild
  /// Keeps the bank open until its standard input ends.
  case hold
  /// Opens the bank with little memory, and ends.
  case restore
  /// Makes another bank of it, of what isn't there yet, and ends.
  case fork
}
