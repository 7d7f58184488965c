public import Changelog

/// Decoding, in one place: errors of codecs get the names of table and key.
extension Table {
  /// The value of a key.
  @inlinable
  func value(_ bytes: RawSpan, of key: Key.Value) throws(StoreError) -> Value.Value {
    do throws(StoreError) { return try value.decode(bytes) } catch { throw located(error, key) }
  }

  /// Key and value of a row.
  @inlinable
  func row(_ keyBytes: RawSpan, _ valueBytes: RawSpan) throws(StoreError) -> (key: Key.Value, value: Value.Value) {
    let key: Key.Value
    do throws(StoreError) { key = try self.key.decode(keyBytes) } catch { throw located(error, keyBytes) }
    return (key, try value(valueBytes, of: key))
  }

  @usableFromInline @inline(never)
  func located(_ error: StoreError, _ key: Key.Value) -> StoreError { located(error, "\(key)".shortened) }

  /// Names a key that can't be decoded by its bytes, in hexadecimal.
  @usableFromInline @inline(never)
  func located(_ error: StoreError, _ key: RawSpan) -> StoreError {
    let digits = key.extracting(..<min(key.byteCount, String.shownCharacters)).array.map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return located(error, ("0x" + digits.joined()).shortened)
  }

  private func located(_ error: StoreError, _ key: String) -> StoreError {
    var error = error
    error.metadata.insert(contentsOf: [.init(name: "table", value: name), .init(name: "key", value: key)], at: 0)
    return error
  }
}
