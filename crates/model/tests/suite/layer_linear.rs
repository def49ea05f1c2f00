use burn::module::Param;
use burn::tensor::Tensor;
use ffc_model::layer::LinearConfig;

use crate::layer_oracle::*;

#[test]
fn output_and_gradients() {
    let device = device();
    for bias in [false, true] {
        let config = LinearConfig {
            bias,
            ..LinearConfig::new([5, 3])
        };
        let mut layer = config.init(&device);
        layer.weight = Param::from_tensor(random([5, 3], 2, &device));
        layer.bias = bias.then(|| Param::from_tensor(random([3], 3, &device)));
        let x = random([4, 5], 1, &device).require_grad();
        let dy = random([4, 3], 4, &device);
        let y: Tensor<2> = layer.forward(x.clone());
        let gradients = (y.clone() * dy.clone()).sum().backward();
        let weight = layer.weight.val();
        let [a, b, w] = [values(&x), values(&dy), values(&weight)];
        let shift = layer
            .bias
            .as_ref()
            .map_or(vec![0.0; 3], |bias| values(&bias.val()));
        let sum = |length: usize, term: &dyn Fn(usize) -> f64| (0..length).map(term).sum::<f64>();
        let cells = |rows: usize, columns: usize| {
            (0..rows * columns).map(move |i| (i / columns, i % columns))
        };
        let expected: Vec<f64> = cells(4, 3)
            .map(|(i, j)| sum(5, &|k| a[i * 5 + k] * w[k * 3 + j]) + shift[j])
            .collect();
        assert_close(&values(&y), &expected, 1e-5, "output");
        let expected: Vec<f64> = cells(4, 5)
            .map(|(i, k)| sum(3, &|j| b[i * 3 + j] * w[k * 3 + j]))
            .collect();
        assert_close(
            &values(&x.grad(&gradients).unwrap()),
            &expected,
            1e-5,
            "input",
        );
        let expected: Vec<f64> = cells(5, 3)
            .map(|(k, j)| sum(4, &|i| a[i * 5 + k] * b[i * 3 + j]))
            .collect();
        assert_close(
            &values(&weight.grad(&gradients).unwrap()),
            &expected,
            1e-5,
            "weight",
        );
    }
}

#[test]
fn any_rank() {
    let device = device();
    let layer = LinearConfig::new([5, 3]).init(&device);
    let x = random([2, 4, 5], 1, &device);
    let flat: Tensor<2> = layer.forward(x.clone().reshape([8, 5]));
    let deep: Tensor<3> = layer.forward(x);
    assert_eq!(deep.dims(), [2, 4, 3]);
    assert_close(&values(&deep), &values(&flat), 1e-6, "rank 3");
}
