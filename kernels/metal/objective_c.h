// Messages to objects of Objective-C, in C++: what of its runtime and of Metal is used, declared
// here.
#pragma once
#include <stdint.h>

extern "C" {

struct objc_object;
struct objc_selector;
objc_object* objc_getClass(const char* name);
objc_selector* sel_registerName(const char* name);
void objc_msgSend();  // of the type of the method
void* objc_autoreleasePoolPush();
void objc_autoreleasePoolPop(void* pool);
objc_object* MTLCreateSystemDefaultDevice();

}  // extern "C"

namespace ct {

using Object = objc_object*;
using Count = unsigned long;  // NSUInteger
struct Extent {  // MTLSize
  Count width, height, depth;
};

// [object selector: arguments], whose types have to be exactly those of the method.
template <typename Result, typename... Arguments>
Result send(Object object, const char* selector, Arguments... arguments) {
  using Method = Result (*)(Object, objc_selector*, Arguments...);
  return reinterpret_cast<Method>(objc_msgSend)(object, sel_registerName(selector), arguments...);
}

inline void release(Object object) { send<void>(object, "release"); }

// What methods return without ownership lives as long as this.
class Pool {
 public:
  Pool() : pool_(objc_autoreleasePoolPush()) {}
  ~Pool() { objc_autoreleasePoolPop(pool_); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

 private:
  void* const pool_;
};

inline Object string_of(const char* text) {
  return send<Object>(objc_getClass("NSString"), "stringWithUTF8String:", text);
}

inline const char* text_of(Object string) {
  const char* const text = string ? send<const char*>(string, "UTF8String") : nullptr;
  return text ? text : "Metal says no more";
}

// What an NSError says.
inline const char* reason_of(Object error) {
  return text_of(error ? send<Object>(error, "localizedDescription") : nullptr);
}

}  // namespace ct
