#pragma once

namespace login {

// The demo page, one HTML document: index.html of this folder with its style and its modules in it.
extern const unsigned char demo_page[];
extern const unsigned long demo_page_size;

}  // namespace login
