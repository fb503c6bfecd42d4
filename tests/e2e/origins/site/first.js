'use strict';
window.first = 'first';
